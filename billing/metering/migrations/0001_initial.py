"""Usage events."""

from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="UsageEvent",
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
                ("source", models.CharField(max_length=50)),
                ("event_id", models.CharField(max_length=200)),
                ("payload_hash", models.BinaryField(max_length=32)),
                ("meter", models.CharField(max_length=50)),
                ("units", models.DecimalField(decimal_places=12, max_digits=38)),
                ("model", models.CharField(blank=True, max_length=200)),
                ("deployment_id", models.UUIDField(null=True)),
                ("api_key_id", models.UUIDField(null=True)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("hold_id", models.UUIDField(null=True)),
                ("dims", models.JSONField(default=dict)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization_id", "occurred_at"], name="metering_usageevent_time"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "source", "event_id"),
                        name="metering_usageevent_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("units__gt", 0)), name="metering_usageevent_positive"
                    ),
                ],
            },
        ),
        TenantTable("metering_usageevent", append_only=True),
        # hold_settle alone counts: usage exists only with the ledger lines that charge it.
        migrations.RunSQL(
            "REVOKE INSERT ON metering_usageevent FROM anneal_app", migrations.RunSQL.noop
        ),
    ]
