"""What spans units: an account's currency, parking, limits, notices; and what a hold says of money."""

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable, as_system

# Functions that run as anneal_system write; the application reads. Limits are its own to set, and
# of a notice it says when it was told.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON ledger_customeraccount, ledger_limitcount, ledger_ratedusage,
  ledger_capturerefund, ledger_notice FROM anneal_app;
REVOKE DELETE ON ledger_spendinglimit FROM anneal_app;
GRANT UPDATE (announced_at, mailed_at) ON ledger_notice TO anneal_app;
GRANT UPDATE (cycle_started_at, cycle_base, cycle_from, alert_at) ON ledger_balance
  TO anneal_system;
GRANT UPDATE (refunded, currency, price_id, rated_usage_id, rated, rated_captured, rated_refunded,
  charges, charged, charge_refunded, limits, note) ON ledger_hold TO anneal_system;
"""

# What hold_take leaves out when a hold has nothing to do with limits and money.
DEFAULTS = """
ALTER TABLE ledger_hold ALTER refunded SET DEFAULT 0, ALTER currency SET DEFAULT '',
  ALTER rated SET DEFAULT 0, ALTER rated_captured SET DEFAULT 0, ALTER rated_refunded SET DEFAULT 0,
  ALTER charges SET DEFAULT '[]', ALTER charged SET DEFAULT 0, ALTER charge_refunded SET DEFAULT 0,
  ALTER limits SET DEFAULT '{}', ALTER note SET DEFAULT '';
"""


def cycles_begin(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Begin a cycle of thresholds over what each balance has at hand."""
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_balance SET cycle_started_at = clock_timestamp(), cycle_from = consumed,"
            " cycle_base = granted - consumed - expired,"
            " alert_at = consumed + (granted - consumed - expired) * 0.5"
            " WHERE granted > consumed + expired"
        )


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0004_usage_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="CaptureRefund",
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
                ("hold_id", models.UUIDField()),
                ("key", models.CharField(max_length=200)),
                ("units", models.DecimalField(decimal_places=12, max_digits=38)),
                ("charge", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("reason", models.CharField(max_length=500)),
                ("booked_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="CustomerAccount",
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
                ("currency", models.CharField(blank=True, max_length=3)),
                ("parked_at", models.DateTimeField(blank=True, null=True)),
                ("parked_reason", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LimitCount",
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
                ("limit_id", models.UUIDField()),
                ("begins_at", models.DateTimeField()),
                ("held", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("used", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Notice",
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
                ("rule", models.CharField(max_length=100)),
                ("period", models.DateTimeField()),
                ("threshold", models.PositiveSmallIntegerField()),
                ("unit", models.CharField(max_length=50)),
                ("used", models.DecimalField(decimal_places=12, max_digits=38)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("reached_at", models.DateTimeField()),
                ("announced_at", models.DateTimeField(blank=True, null=True)),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="RatedUsage",
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
                ("price_id", models.UUIDField()),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("used", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("pending", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SpendingLimit",
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
                    "scope",
                    models.CharField(
                        choices=[
                            ("organization", "Organization"),
                            ("member", "Member"),
                            ("key", "API key"),
                            ("plan", "Plan"),
                        ],
                        max_length=20,
                    ),
                ),
                ("subject_id", models.UUIDField(blank=True, null=True)),
                ("unit", models.CharField(max_length=50)),
                (
                    "window",
                    models.CharField(
                        choices=[("day", "Day"), ("month", "Month"), ("total", "Total")],
                        max_length=10,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("hard", models.BooleanField(default=True)),
                (
                    "alerts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveSmallIntegerField(), default=list, size=None
                    ),
                ),
                ("removed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.RemoveConstraint(
            model_name="hold",
            name="ledger_hold_state",
        ),
        migrations.AddField(
            model_name="balance",
            name="alert_at",
            field=models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="balance",
            name="cycle_base",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="balance",
            name="cycle_from",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="balance",
            name="cycle_started_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="charge_refunded",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold",
            name="charged",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold",
            name="charges",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="hold",
            name="currency",
            field=models.CharField(blank=True, max_length=3),
        ),
        migrations.AddField(
            model_name="hold",
            name="limits",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="hold",
            name="note",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="hold",
            name="price_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="rated",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold",
            name="rated_captured",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold",
            name="rated_refunded",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold",
            name="rated_usage_id",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="refunded",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold",
            name="taken_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="grant",
            name="kind",
            field=models.CharField(
                choices=[
                    ("promotional", "Promotional"),
                    ("operator", "Operator"),
                    ("purchased", "Purchased"),
                    ("credit_line", "Credit line"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="account",
            field=models.CharField(
                choices=[
                    ("issued", "Issued"),
                    ("promotional_credit", "Promotional credit"),
                    ("customer_credit", "Customer credit"),
                    ("credit_line", "Credit line"),
                    ("revenue", "Revenue"),
                    ("receivable", "Receivable"),
                    ("breakage", "Breakage"),
                    ("lapsed", "Lapsed credit line"),
                ],
                max_length=30,
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("grant", "Grant"),
                    ("capture", "Capture"),
                    ("expiry", "Expiry"),
                    ("void", "Void"),
                    ("refund", "Refund"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("settled_at__isnull", True), ("state", "held")),
                    models.Q(
                        ("captured__gt", 0), ("settled_at__isnull", False), ("state", "captured")
                    ),
                    models.Q(("captured", 0), ("settled_at__isnull", False), ("state", "released")),
                    models.Q(("settled_at__isnull", False), ("state", "expired")),
                    _connector="OR",
                ),
                name="ledger_hold_state",
            ),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("charge_refunded__gte", 0),
                    ("charge_refunded__lte", models.F("charged")),
                    ("rated__lte", models.F("amount")),
                    ("rated_captured__lte", models.F("rated")),
                    ("rated_refunded__gte", 0),
                    ("rated_refunded__lte", models.F("rated_captured")),
                    ("refunded__gte", 0),
                    ("refunded__lte", models.F("captured")),
                ),
                name="ledger_hold_refunded",
            ),
        ),
        migrations.AddIndex(
            model_name="capturerefund",
            index=models.Index(
                fields=["organization_id", "hold_id"], name="ledger_capturerefund_hold"
            ),
        ),
        migrations.AddConstraint(
            model_name="capturerefund",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "key"), name="ledger_capturerefund_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="capturerefund",
            constraint=models.CheckConstraint(
                condition=models.Q(("charge__gte", 0), ("units__gt", 0)),
                name="ledger_capturerefund_units",
            ),
        ),
        migrations.AddConstraint(
            model_name="customeraccount",
            constraint=models.UniqueConstraint(
                fields=("organization_id",), name="ledger_customeraccount_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="customeraccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("currency", ""), ("currency__regex", "^[A-Z]{3}$"), _connector="OR"
                ),
                name="ledger_customeraccount_money",
            ),
        ),
        migrations.AddConstraint(
            model_name="customeraccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("parked_at__isnull", True), ("parked_reason", "")),
                    models.Q(
                        ("parked_at__isnull", False), models.Q(("parked_reason", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="ledger_customeraccount_parked",
            ),
        ),
        migrations.AddConstraint(
            model_name="limitcount",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "limit_id", "begins_at"), name="ledger_limitcount_window"
            ),
        ),
        migrations.AddConstraint(
            model_name="limitcount",
            constraint=models.CheckConstraint(
                condition=models.Q(("held__gte", 0), ("used__gte", 0)),
                name="ledger_limitcount_parts",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("mailed_at__isnull", True)),
                fields=["created_at"],
                name="ledger_notice_unsent",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["organization_id", "-id"], name="ledger_notice_newest"),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "rule", "period", "threshold"), name="ledger_notice_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="ratedusage",
            constraint=models.UniqueConstraint(
                fields=("organization_id", "price_id", "begins_at"), name="ledger_ratedusage_period"
            ),
        ),
        migrations.AddConstraint(
            model_name="ratedusage",
            constraint=models.CheckConstraint(
                condition=models.Q(("pending__gte", 0), ("used__gte", 0)),
                name="ledger_ratedusage_parts",
            ),
        ),
        migrations.AddConstraint(
            model_name="spendinglimit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at__isnull", True)),
                fields=("organization_id", "scope", "subject_id", "unit", "window"),
                name="ledger_spendinglimit_one",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="spendinglimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0), ("amount__lte", 1000000000000000)),
                name="ledger_spendinglimit_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="spendinglimit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("scope__in", ["member", "key"]), ("subject_id__isnull", False)),
                    models.Q(("scope__in", ["organization", "plan"]), ("subject_id__isnull", True)),
                    _connector="OR",
                ),
                name="ledger_spendinglimit_scope",
            ),
        ),
        TenantTable("ledger_customeraccount"),
        TenantTable("ledger_spendinglimit"),
        TenantTable("ledger_limitcount", {"limit_id": "ledger_spendinglimit"}),
        TenantTable("ledger_ratedusage"),
        TenantTable("ledger_capturerefund", {"hold_id": "ledger_hold"}, append_only=True),
        TenantTable("ledger_notice"),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
        migrations.RunSQL(DEFAULTS, migrations.RunSQL.noop),
        migrations.RunPython(as_system(cycles_begin), migrations.RunPython.noop),
    ]
