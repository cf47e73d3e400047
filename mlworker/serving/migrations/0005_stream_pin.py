"""What a stream with an Idempotency-Key began with."""

from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    dependencies = [("serving", "0004_prediction_log")]

    operations = [
        migrations.CreateModel(
            name="StreamPin",
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
                ("digest", models.CharField(max_length=64)),
                ("model", models.CharField(max_length=200)),
                ("output", models.JSONField(default=dict)),
                ("rules", models.JSONField(default=list)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["expires_at"], name="serving_streampin_end")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "digest"), name="serving_streampin_digest"
                    )
                ],
            },
        ),
        TenantTable("serving_streampin", parent_key=False),
    ]
