"""Events by month, their keys by hash, hourly sums, and the functions that write and read them."""

from pathlib import Path
from typing import Any

import django.contrib.postgres.indexes
from django.db import migrations, models

import anneal.kernel.ids
import billing.metering.models
from anneal.kernel.tables import (
    GlobalTable,
    HashPartitions,
    MonthlyPartitions,
    SystemTable,
    TenantTable,
)

SQL = Path(__file__).parent / "sql"
KEY: dict[str, Any] = {
    "default": anneal.kernel.ids.uuid7,
    "editable": False,
    "primary_key": True,
    "serialize": False,
}
OPTIONS: dict[str, Any] = {"abstract": False, "base_manager_name": "objects"}


def text(name: str) -> str:
    return (SQL / f"0002_{name}.sql").read_text(encoding="utf-8")


def helper(name: str, signature: str) -> migrations.RunSQL:
    """A function with its caller's rights: the application gains nothing by calling it."""
    return migrations.RunSQL(text(name), f"DROP FUNCTION IF EXISTS {signature} CASCADE")


def closed(table: str) -> migrations.RunSQL:
    """The application reads; functions and scheduled work of the system write."""
    return migrations.RunSQL(
        f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM anneal_app", migrations.RunSQL.noop
    )


class Migration(migrations.Migration):
    # After the ledger's first functions, which made anneal_uuid7; 0004 of the ledger follows.
    dependencies = [
        ("metering", "0001_initial"),
        ("prices", "0004_functions"),
        ("ledger", "0003_house_credit"),
    ]

    operations = [
        helper("usage_hash", "usage_hash(text, numeric, text, uuid, uuid, jsonb)"),
        helper("usage_class", "usage_class(jsonb)"),
        helper("usage_counts_at", "usage_counts_at(uuid, timestamptz, timestamptz)"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(text("usage_tables"))],
            state_operations=[
                migrations.RemoveConstraint("UsageEvent", "metering_usageevent_once"),
                migrations.RemoveConstraint("UsageEvent", "metering_usageevent_positive"),
                migrations.RemoveIndex("UsageEvent", "metering_usageevent_time"),
                migrations.RemoveField("UsageEvent", "payload_hash"),
                migrations.AddField("UsageEvent", "counts_at", models.DateTimeField()),
                migrations.AddConstraint(
                    "UsageEvent",
                    models.CheckConstraint(
                        condition=models.Q(("units__gt", 0)), name="metering_usageevent_units"
                    ),
                ),
                migrations.AddIndex(
                    "UsageEvent",
                    models.Index(
                        fields=["organization_id", "occurred_at"], name="metering_usageevent_when"
                    ),
                ),
                migrations.AddIndex(
                    "UsageEvent",
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["occurred_at"],
                        name="metering_usageevent_hours",
                        pages_per_range=32,
                    ),
                ),
                migrations.CreateModel(
                    name="UsageEventKey",
                    fields=[
                        ("id", models.UUIDField(**KEY)),
                        ("organization_id", models.UUIDField(editable=False)),
                        ("source", models.CharField(max_length=50)),
                        ("event_id", models.CharField(max_length=200)),
                        ("payload_hash", models.BinaryField(max_length=32)),
                    ],
                    options=OPTIONS,
                ),
            ],
        ),
        MonthlyPartitions("metering_usageevent"),
        HashPartitions("metering_usageeventkey", 8),
        migrations.RunSQL(text("usage_moved")),
        TenantTable("metering_usageevent", append_only=True, parent_key=False),
        closed("metering_usageevent"),
        TenantTable("metering_usageeventkey", append_only=True, parent_key=False),
        closed("metering_usageeventkey"),
        migrations.CreateModel(
            name="UsageRollup",
            fields=[
                ("id", models.UUIDField(**KEY)),
                ("organization_id", models.UUIDField(editable=False)),
                ("hour", models.DateTimeField()),
                ("counts_hour", models.DateTimeField()),
                ("meter", models.CharField(max_length=50)),
                ("model", models.CharField(blank=True, max_length=200)),
                ("api_key_id", models.UUIDField(null=True)),
                ("deployment_id", models.UUIDField(null=True)),
                ("price_dims", models.JSONField(default=dict)),
                ("units", models.DecimalField(decimal_places=12, max_digits=38)),
                ("events", models.BigIntegerField()),
            ],
            options={
                **OPTIONS,
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "organization_id",
                            "hour",
                            "counts_hour",
                            "meter",
                            "model",
                            "api_key_id",
                            "deployment_id",
                            "price_dims",
                        ),
                        name="metering_usagerollup_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        TenantTable("metering_usagerollup", parent_key=False),
        closed("metering_usagerollup"),
        migrations.CreateModel(
            name="UsageLateHour",
            fields=[
                ("id", models.UUIDField(**KEY)),
                ("organization_id", models.UUIDField(editable=False)),
                ("hour", models.DateTimeField()),
            ],
            options={
                **OPTIONS,
                "indexes": [
                    models.Index(
                        fields=["organization_id", "hour"], name="metering_usagelatehour_hour"
                    )
                ],
            },
        ),
        TenantTable("metering_usagelatehour", parent_key=False),
        closed("metering_usagelatehour"),
        migrations.CreateModel(
            name="RollupMark",
            fields=[
                ("id", models.UUIDField(**KEY)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("sealed_until", models.DateTimeField(default=billing.metering.models.EPOCH)),
            ],
            options={"abstract": False},
        ),
        GlobalTable("metering_rollupmark"),
        migrations.RunSQL(
            "INSERT INTO metering_rollupmark (id, created_at, sealed_until)"
            " VALUES (anneal_uuid7(), clock_timestamp(), 'epoch')",
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name="ReconcileRun",
            fields=[
                ("id", models.UUIDField(**KEY)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField()),
                ("organization_id", models.UUIDField(blank=True, editable=False, null=True)),
                ("drifts", models.PositiveIntegerField()),
                ("parked", models.PositiveIntegerField()),
                ("details", models.JSONField(default=list)),
            ],
            options={**OPTIONS, "ordering": ["-id"]},
        ),
        SystemTable("metering_reconcilerun"),
        helper("usage_record", "usage_record(usage_item[], timestamptz, timestamptz)"),
        helper("usage_between", "usage_between(uuid, timestamptz, timestamptz, boolean)"),
        helper("usage_rollup", "usage_rollup(timestamptz, timestamptz, uuid)"),
        # The months at hand; the scheduled task goes on from here.
        migrations.RunSQL(
            "SELECT metering_usageevent_month((now() + make_interval(months => n))::date)"
            " FROM generate_series(0, 2) n",
            migrations.RunSQL.noop,
        ),
    ]
