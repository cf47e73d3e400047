"""Customers, cards, attempts, checkouts, payments, refunds, disputes, events of the provider."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import SystemTable, TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial"), ("invoices", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="SweepCursor",
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
                ("name", models.CharField(max_length=30, unique=True)),
                ("moment", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="AutoTopUp",
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
                ("enabled", models.BooleanField(default=False)),
                ("currency", models.CharField(max_length=3)),
                ("threshold", models.DecimalField(decimal_places=12, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("daily_cap", models.DecimalField(decimal_places=12, max_digits=38)),
                ("round", models.PositiveIntegerField(default=0)),
                ("retry_at", models.DateTimeField(null=True)),
                ("paused_reason", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("enabled", True)),
                        fields=["organization_id"],
                        name="payments_autotopup_enabled",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id",), name="payments_autotopup_one"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DemoObject",
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
                ("ref", models.CharField(max_length=255, unique=True)),
                ("kind", models.CharField(max_length=60)),
                ("key", models.CharField(blank=True, max_length=255)),
                ("customer", models.CharField(blank=True, max_length=255)),
                ("body", models.JSONField(default=dict)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("key", ""), _negated=True),
                        fields=("key",),
                        name="payments_demoobject_key",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentAttempt",
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
                ("invoice_id", models.UUIDField(null=True)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("key", models.CharField(max_length=100)),
                ("number", models.PositiveIntegerField(default=1)),
                ("card_ref", models.CharField(blank=True, max_length=255)),
                ("session_ref", models.CharField(blank=True, max_length=255)),
                ("intent_ref", models.CharField(blank=True, max_length=255)),
                ("automatic", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("failure", models.CharField(blank=True, max_length=100)),
                ("asked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["asked_at"],
                        name="payments_paymentattempt_asked",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "key"), name="payments_paymentattempt_key"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "open")),
                        fields=("organization_id", "invoice_id"),
                        name="payments_paymentattempt_open",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
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
                ("invoice_id", models.UUIDField(null=True)),
                ("intent_ref", models.CharField(max_length=255, db_index=True)),
                ("amount_minor", models.BigIntegerField()),
                ("refunded_minor", models.BigIntegerField(default=0)),
                ("currency", models.CharField(max_length=3)),
                (
                    "attempt",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payments",
                        to="payments.paymentattempt",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="CheckoutSession",
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
                    "purpose",
                    models.CharField(
                        choices=[
                            ("top_up", "top_up"),
                            ("plan", "plan"),
                            ("payment_method", "payment_method"),
                            ("invoice", "invoice"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                ("content_hash", models.CharField(max_length=64)),
                ("plan", models.CharField(blank=True, max_length=50)),
                ("time_zone", models.CharField(blank=True, max_length=60)),
                ("actor_kind", models.CharField(max_length=20)),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_label", models.CharField(max_length=254)),
                ("return_path", models.CharField(max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("complete", "complete"),
                            ("expired", "expired"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("ref", models.CharField(blank=True, max_length=255)),
                ("url", models.TextField(blank=True)),
                ("expires_at", models.DateTimeField()),
                ("error", models.CharField(blank=True, max_length=100)),
                (
                    "attempt",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sessions",
                        to="payments.paymentattempt",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="PaymentCustomer",
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
                ("ref", models.CharField(max_length=255, db_index=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id",), name="payments_paymentcustomer_one"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentMethod",
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
                ("ref", models.CharField(max_length=255)),
                ("brand", models.CharField(max_length=30)),
                ("last4", models.CharField(max_length=4)),
                ("exp_month", models.PositiveSmallIntegerField()),
                ("exp_year", models.PositiveSmallIntegerField()),
                ("is_default", models.BooleanField(default=False)),
                ("removed_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "ref"), name="payments_paymentmethod_ref"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("organization_id",),
                        name="payments_paymentmethod_default",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderEventRow",
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
                ("ref", models.CharField(max_length=255, unique=True)),
                ("type", models.CharField(max_length=100)),
                ("kind", models.CharField(max_length=60)),
                ("object_ref", models.CharField(blank=True, max_length=255)),
                ("customer_ref", models.CharField(blank=True, max_length=255)),
                ("intent_ref", models.CharField(blank=True, max_length=255)),
                ("occurred_at", models.DateTimeField()),
                ("body", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("done", "done"), ("failed", "failed")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField()),
                ("error", models.CharField(blank=True, max_length=500)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "provider event",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["next_try_at"],
                        name="payments_providerevent_due",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Refund",
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
                ("key", models.CharField(max_length=100)),
                ("ref", models.CharField(blank=True, max_length=255)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("state", models.CharField(default="asked", max_length=20)),
                ("asked_at", models.DateTimeField()),
                (
                    "payment",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="refunds",
                        to="payments.payment",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Dispute",
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
                ("ref", models.CharField(max_length=255)),
                ("amount_minor", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("state", models.CharField(max_length=30)),
                ("reason", models.CharField(max_length=50)),
                ("booked", models.BooleanField(default=False)),
                (
                    "payment",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disputes",
                        to="payments.payment",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "ref"), name="payments_dispute_ref"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["organization_id", "-id"], name="payments_payment_newest"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(
                fields=["organization_id", "invoice_id"], name="payments_payment_invoice"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "attempt"), name="payments_payment_attempt"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_minor__gte", 0), ("refunded_minor__lte", models.F("amount_minor"))
                ),
                name="payments_payment_refunded",
            ),
        ),
        migrations.AddIndex(
            model_name="checkoutsession",
            index=models.Index(
                condition=models.Q(("state", "open")),
                fields=["expires_at"],
                name="payments_checkoutsession_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="checkoutsession",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "key"), name="payments_checkoutsession_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="checkoutsession",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ref", ""), _negated=True),
                fields=("organization_id", "ref"),
                name="payments_checkoutsession_ref",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("state", "asked")),
                fields=["asked_at"],
                name="payments_refund_asked",
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "key"), name="payments_refund_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "intent_ref"), name="payments_payment_intent"
            ),
        ),
        TenantTable("payments_paymentcustomer"),
        TenantTable("payments_paymentmethod"),
        TenantTable("payments_autotopup"),
        TenantTable("payments_paymentattempt", {"invoice_id": "invoices_invoice"}),
        TenantTable("payments_checkoutsession", {"attempt_id": "payments_paymentattempt"}),
        TenantTable(
            "payments_payment",
            {"attempt_id": "payments_paymentattempt", "invoice_id": "invoices_invoice"},
        ),
        TenantTable("payments_refund", {"payment_id": "payments_payment"}),
        TenantTable("payments_dispute", {"payment_id": "payments_payment"}),
        SystemTable("payments_providereventrow"),
        SystemTable("payments_sweepcursor"),
        SystemTable("payments_demoobject"),
        # What was paid and told stays readable.
        migrations.RunSQL(
            "REVOKE DELETE ON payments_paymentattempt, payments_checkoutsession, payments_payment,"
            " payments_refund, payments_dispute, payments_providereventrow"
            " FROM anneal_app, anneal_system;",
            migrations.RunSQL.noop,
        ),
    ]
