"""Policies, contracts, outcomes and their steps."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import GlobalTable, TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OutcomeContract",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("success_fee", "success_fee"),
                            ("confirmed_prediction", "confirmed_prediction"),
                        ],
                        max_length=30,
                    ),
                ),
                ("subject", models.CharField(max_length=80)),
                ("document", models.JSONField()),
                ("terms_hash", models.CharField(max_length=64)),
                ("accepted_by", models.CharField(max_length=254)),
                ("accepted_at", models.DateTimeField()),
                ("ended_by", models.CharField(blank=True, default="", max_length=254)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="OutcomePolicy",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("success_fee", "success_fee"),
                            ("confirmed_prediction", "confirmed_prediction"),
                        ],
                        max_length=30,
                    ),
                ),
                ("name_en", models.CharField(max_length=100)),
                ("name_zh", models.CharField(max_length=100)),
                ("public", models.BooleanField(default=True)),
            ],
            options={
                "verbose_name_plural": "outcome policies",
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Outcome",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("success_fee", "success_fee"),
                            ("confirmed_prediction", "confirmed_prediction"),
                        ],
                        max_length=30,
                    ),
                ),
                ("subject", models.CharField(max_length=80)),
                ("starts_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("confirmed", "confirmed"),
                            ("assumed", "assumed"),
                            ("reversed", "reversed"),
                            ("disputed", "disputed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("owed_as", models.CharField(blank=True, default="", max_length=10)),
                ("quantity", models.DecimalField(decimal_places=12, max_digits=38)),
                ("unit_price", models.DecimalField(decimal_places=12, max_digits=38)),
                ("currency", models.CharField(max_length=3)),
                (
                    "payment",
                    models.CharField(
                        blank=True,
                        choices=[("", ""), ("balance", "balance"), ("invoice", "invoice")],
                        default="",
                        max_length=10,
                    ),
                ),
                ("hold_id", models.UUIDField(null=True)),
                ("settle_at", models.DateTimeField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("dispute_until", models.DateTimeField(null=True)),
                (
                    "contract",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="outcomes",
                        to="outcomes.outcomecontract",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="OutcomePolicyVersion",
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
                ("price", models.DecimalField(decimal_places=12, max_digits=38)),
                ("currency", models.CharField(max_length=3)),
                ("dispute_days", models.PositiveSmallIntegerField()),
                ("margin", models.DecimalField(decimal_places=6, default=0, max_digits=9)),
                ("level", models.DecimalField(decimal_places=6, default="0.05", max_digits=9)),
                ("window_days", models.PositiveSmallIntegerField(null=True)),
                ("published_at", models.DateTimeField(null=True)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="outcomes.outcomepolicy",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="outcomecontract",
            name="policy_version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="outcomes.outcomepolicyversion",
            ),
        ),
        migrations.CreateModel(
            name="OutcomeStep",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("confirmed", "confirmed"),
                            ("assumed", "assumed"),
                            ("reversed", "reversed"),
                            ("disputed", "disputed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(max_length=254)),
                ("evidence", models.JSONField(default=dict)),
                (
                    "outcome",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="outcomes.outcome",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=models.Index(fields=["organization_id", "-id"], name="outcomes_outcome_newest"),
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=models.Index(fields=["organization_id", "contract"], name="outcomes_outcome_of"),
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["settle_at"],
                name="outcomes_outcome_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "kind", "subject", "starts_at"),
                name="outcomes_outcome_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 0), ("unit_price__gt", 0)),
                name="outcomes_outcome_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcome",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("state", "pending")),
                    models.Q(
                        models.Q(("state", "pending"), _negated=True), ("decided_at__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="outcomes_outcome_decided",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcomepolicyversion",
            constraint=models.UniqueConstraint(
                fields=("policy", "version"), name="outcomes_policyversion_version"
            ),
        ),
        migrations.AddConstraint(
            model_name="outcomepolicyversion",
            constraint=models.UniqueConstraint(
                condition=models.Q(("published_at__isnull", True)),
                fields=("policy",),
                name="outcomes_policyversion_draft",
            ),
        ),
        migrations.AddConstraint(
            model_name="outcomepolicyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("price__gt", 0), ("price__lte", 1000000000000000)),
                name="outcomes_policyversion_price",
            ),
        ),
        migrations.AddIndex(
            model_name="outcomecontract",
            index=models.Index(fields=["organization_id", "-id"], name="outcomes_contract_newest"),
        ),
        migrations.AddConstraint(
            model_name="outcomecontract",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("organization_id", "kind", "subject"),
                name="outcomes_contract_in_force",
            ),
        ),
        migrations.AddIndex(
            model_name="outcomestep",
            index=models.Index(
                fields=["organization_id", "outcome", "id"], name="outcomes_step_of"
            ),
        ),
        GlobalTable("outcomes_outcomepolicy"),
        GlobalTable("outcomes_outcomepolicyversion"),
        TenantTable("outcomes_outcomecontract"),
        TenantTable("outcomes_outcome", {"contract_id": "outcomes_outcomecontract"}),
        TenantTable("outcomes_outcomestep", {"outcome_id": "outcomes_outcome"}, append_only=True),
        # What was accepted and what came of it stays readable.
        migrations.RunSQL(
            "REVOKE DELETE ON outcomes_outcomecontract, outcomes_outcome"
            " FROM anneal_app, anneal_system",
            migrations.RunSQL.noop,
        ),
    ]
