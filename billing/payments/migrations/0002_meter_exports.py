"""What Stripe's meters are told: rows in which Postgres lets nobody change the units."""

from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import GlobalTable, TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="paymentcustomer",
            name="cards_read_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="MeterExport",
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
                ("meter", models.CharField(max_length=50)),
                ("event_name", models.CharField(max_length=100)),
                ("hour", models.DateTimeField()),
                ("revision", models.PositiveIntegerField()),
                ("units", models.DecimalField(decimal_places=12, max_digits=38)),
                ("identifier", models.CharField(max_length=100)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("sent", "sent"), ("parked", "parked")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("tries", models.PositiveIntegerField(default=0)),
                ("asked_at", models.DateTimeField(null=True)),
                ("next_try_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")),
                        fields=["organization_id", "meter", "id"],
                        name="payments_meterexport_waiting",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "meter", "hour", "revision"),
                        name="payments_meterexport_revision",
                    ),
                    models.UniqueConstraint(
                        fields=("organization_id", "identifier"),
                        name="payments_meterexport_identifier",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("units__gt", 0)), name="payments_meterexport_units"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MeterExportSpan",
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
                ("meter", models.CharField(max_length=50)),
                ("starts_at", models.DateTimeField()),
                ("frozen_until", models.DateTimeField()),
                ("looked_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("meter",),
                        name="payments_meterexportspan_open",
                    )
                ],
            },
        ),
        TenantTable("payments_meterexport"),
        GlobalTable("payments_meterexportspan"),
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE, DELETE ON payments_meterexport FROM anneal_app;"
            "REVOKE UPDATE, DELETE ON payments_meterexport FROM anneal_system;"
            "GRANT UPDATE (state, tries, asked_at, next_try_at, sent_at, error)"
            " ON payments_meterexport TO anneal_system;",
            migrations.RunSQL.noop,
        ),
    ]
