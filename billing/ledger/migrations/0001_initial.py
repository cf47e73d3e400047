"""Grants, balances, holds, ledger entries and kept answers."""

import django.db.models.expressions
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable

# The application reads; functions that run as anneal_system write. Of a grant, even they change
# only what became of it. Room in each page keeps updates of hot rows off the indexes.
RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON ledger_grant, ledger_balance, ledger_hold, ledger_ledgerentry,
  ledger_keyedcall FROM anneal_app;
REVOKE UPDATE, DELETE ON ledger_grant, ledger_balance, ledger_hold FROM anneal_system;
GRANT UPDATE (active, held, consumed, expired, voided) ON ledger_grant TO anneal_system;
GRANT UPDATE (granted, held, consumed, expired, next_change_at) ON ledger_balance TO anneal_system;
GRANT UPDATE (amount, captured, state, draws, expires_at, settled_at) ON ledger_hold
  TO anneal_system;
ALTER TABLE ledger_balance SET (fillfactor = 50);
ALTER TABLE ledger_grant SET (fillfactor = 70);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Balance",
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
                ("unit", models.CharField(max_length=50)),
                ("granted", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("held", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("consumed", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("expired", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("next_change_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "unit"), name="ledger_balance_unit"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("consumed__gte", 0),
                            ("expired__gte", 0),
                            ("granted__gte", 0),
                            ("held__gte", 0),
                        ),
                        name="ledger_balance_parts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "granted__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("held"), "+", models.F("consumed")
                                    ),
                                    "+",
                                    models.F("expired"),
                                ),
                            )
                        ),
                        name="ledger_balance_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
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
                ("unit", models.CharField(max_length=50)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("promotional", "Promotional"),
                            ("operator", "Operator"),
                            ("purchased", "Purchased"),
                        ],
                        max_length=20,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("priority", models.PositiveSmallIntegerField(default=50)),
                ("effective_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("source", models.CharField(max_length=200)),
                ("active", models.BooleanField(default=True)),
                ("held", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("consumed", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("expired", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ("voided", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "unit", "source"), name="ledger_grant_source"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0), ("amount__lte", 1000000000000000)),
                        name="ledger_grant_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("consumed__gte", 0),
                            ("expired__gte", 0),
                            ("held__gte", 0),
                            ("voided__gte", 0),
                        ),
                        name="ledger_grant_parts",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "amount__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        django.db.models.expressions.CombinedExpression(
                                            models.F("held"), "+", models.F("consumed")
                                        ),
                                        "+",
                                        models.F("expired"),
                                    ),
                                    "+",
                                    models.F("voided"),
                                ),
                            )
                        ),
                        name="ledger_grant_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
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
                ("unit", models.CharField(max_length=50)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("captured", models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("captured", "Captured"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="held",
                        max_length=10,
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=50)),
                ("draws", models.JSONField(default=list)),
                ("expires_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "held")),
                        fields=["expires_at"],
                        name="ledger_hold_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount__gt", 0),
                            ("captured__gte", 0),
                            ("captured__lte", models.F("amount")),
                        ),
                        name="ledger_hold_amount",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("captured", 0), ("settled_at__isnull", True), ("state", "held")
                            ),
                            models.Q(
                                ("captured__gt", 0),
                                ("settled_at__isnull", False),
                                ("state", "captured"),
                            ),
                            models.Q(
                                ("captured", 0),
                                ("settled_at__isnull", False),
                                ("state__in", ["released", "expired"]),
                            ),
                            _connector="OR",
                        ),
                        name="ledger_hold_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="KeyedCall",
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
                ("scope", models.CharField(max_length=200)),
                ("key", models.CharField(max_length=255)),
                ("request_hash", models.CharField(max_length=64)),
                ("hold_id", models.UUIDField()),
                ("response", models.TextField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization_id", "hold_id"], name="ledger_keyedcall_hold"
                    ),
                    models.Index(fields=["expires_at"], name="ledger_keyedcall_end"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "scope", "key"), name="ledger_keyedcall_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
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
                ("journal_id", models.UUIDField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("grant", "Grant"),
                            ("capture", "Capture"),
                            ("expiry", "Expiry"),
                            ("void", "Void"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "account",
                    models.CharField(
                        choices=[
                            ("issued", "Issued"),
                            ("promotional_credit", "Promotional credit"),
                            ("customer_credit", "Customer credit"),
                            ("revenue", "Revenue"),
                            ("breakage", "Breakage"),
                        ],
                        max_length=30,
                    ),
                ),
                ("unit", models.CharField(max_length=50)),
                ("amount", models.DecimalField(decimal_places=12, max_digits=38)),
                ("grant_id", models.UUIDField()),
                ("hold_id", models.UUIDField(blank=True, null=True)),
                ("booked_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "ledger entries",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization_id", "journal_id"], name="ledger_entry_journal"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount", 0), _negated=True),
                        name="ledger_entry_not_zero",
                    )
                ],
            },
        ),
        TenantTable("ledger_grant"),
        TenantTable("ledger_balance"),
        TenantTable("ledger_hold"),
        TenantTable("ledger_ledgerentry", {"grant_id": "ledger_grant"}, append_only=True),
        TenantTable("ledger_keyedcall"),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
