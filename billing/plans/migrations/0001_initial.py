"""Plans, subscriptions and their periods, trial terms."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import GlobalTable, TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=anneal.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("code", models.CharField(max_length=50, unique=True)),
                ("name_en", models.CharField(max_length=100)),
                ("name_zh", models.CharField(max_length=100)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("public", models.BooleanField(default=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PlanVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=anneal.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("version", models.PositiveIntegerField()),
                ("fee", models.DecimalField(decimal_places=12, max_digits=38)),
                ("currency", models.CharField(max_length=3)),
                (
                    "period",
                    models.CharField(choices=[("month", "month"), ("year", "year")], max_length=10),
                ),
                ("included", models.JSONField(default=dict)),
                ("requests_per_minute", models.PositiveIntegerField(null=True)),
                ("concurrency", models.PositiveIntegerField(null=True)),
                ("priority", models.PositiveSmallIntegerField(default=50)),
                ("storage_gb", models.PositiveIntegerField(null=True)),
                ("seats", models.PositiveIntegerField(null=True)),
                (
                    "overage",
                    models.CharField(
                        choices=[("block", "block"), ("invoice", "invoice")], max_length=10
                    ),
                ),
                ("credit_line", models.DecimalField(decimal_places=12, max_digits=38, null=True)),
                ("published_at", models.DateTimeField(null=True)),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="plans.plan",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=anneal.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("renews_at", models.DateTimeField()),
                ("anchor_at", models.DateTimeField()),
                ("anchor_date", models.DateField()),
                ("time_zone", models.CharField(max_length=60)),
                ("period_months", models.PositiveSmallIntegerField()),
                (
                    "next_version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="plans.planversion",
                    ),
                ),
                (
                    "plan_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="plans.planversion",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SubscriptionPeriod",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=anneal.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("organization_id", models.UUIDField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("subscription_id", models.UUIDField()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("whole_starts_at", models.DateTimeField()),
                ("whole_ends_at", models.DateTimeField()),
                (
                    "plan_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="plans.planversion",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="TrialTerms",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=anneal.kernel.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("version", models.PositiveIntegerField(unique=True)),
                ("days", models.PositiveSmallIntegerField()),
                ("units", models.JSONField(default=dict)),
            ],
            options={
                "verbose_name_plural": "trial terms",
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("days__gte", 1), ("days__lte", 3650)),
                        name="plans_trialterms_days",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.UniqueConstraint(
                fields=("plan", "version"), name="plans_planversion_version"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("published_at__isnull", True)),
                fields=("plan",),
                name="plans_planversion_draft",
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee__gte", 0), ("fee__lte", 1000000000000000)),
                name="plans_planversion_fee",
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("credit_line__isnull", True), ("overage", "block")),
                    models.Q(
                        ("credit_line__gt", 0),
                        ("credit_line__lte", 1000000000000000),
                        ("overage", "invoice"),
                    ),
                    _connector="OR",
                ),
                name="plans_planversion_overage",
            ),
        ),
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(
                condition=models.Q(("ends_at__isnull", True)),
                fields=["renews_at"],
                name="plans_subscription_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at__isnull", True)),
                fields=("organization_id",),
                name="plans_subscription_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "starts_at"), name="plans_subscription_starts"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at__isnull", True),
                    ("ends_at__gt", models.F("starts_at")),
                    _connector="OR",
                ),
                name="plans_subscription_half_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("period_months__in", [1, 12])), name="plans_subscription_months"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriptionperiod",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "starts_at"), name="plans_subscriptionperiod_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriptionperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="plans_subscriptionperiod_half_open",
            ),
        ),
        GlobalTable("plans_plan"),
        GlobalTable("plans_planversion"),
        TenantTable("plans_subscription"),
        TenantTable("plans_subscriptionperiod", {"subscription_id": "plans_subscription"}),
        GlobalTable("plans_trialterms"),
        # What somebody was promised stays readable as it was.
        migrations.RunSQL(
            "REVOKE UPDATE, DELETE ON plans_trialterms FROM anneal_system;"
            "REVOKE DELETE ON plans_plan FROM anneal_system;"
            "REVOKE DELETE ON plans_subscription, plans_subscriptionperiod"
            " FROM anneal_app, anneal_system;",
            migrations.RunSQL.noop,
        ),
    ]
