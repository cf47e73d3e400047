"""The tables of the registry."""

from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="ModelVersion",
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
                ("name", models.CharField(max_length=200)),
                ("base", models.CharField(max_length=64)),
                ("tier", models.CharField(max_length=16)),
                ("task", models.CharField(max_length=64)),
                ("labels", models.JSONField()),
                ("suffix", models.CharField(blank=True, default="", max_length=64)),
                ("job_id", models.UUIDField()),
                ("dataset_version_id", models.UUIDField(null=True)),
                ("max_length", models.PositiveIntegerField()),
                ("metrics", models.JSONField(default=dict)),
                ("lineage", models.JSONField(default=dict)),
                ("card", models.TextField(blank=True, default="")),
                ("artifact_key", models.CharField(max_length=400)),
                ("artifact_sha256", models.CharField(max_length=64)),
                ("artifact_bytes", models.PositiveBigIntegerField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "name"), name="registry_modelversion_name"
                    ),
                    models.UniqueConstraint(
                        fields=("organization_id", "job_id"), name="registry_modelversion_job"
                    ),
                ],
            },
        ),
        TenantTable("registry_modelversion"),
    ]
