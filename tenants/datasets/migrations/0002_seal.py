"""Parts of versions that nobody may read or train on for a while."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Seal",
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
                ("split", models.CharField(max_length=12)),
                ("rows", models.PositiveIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("holder", models.CharField(max_length=80)),
                ("broken_at", models.DateTimeField(blank=True, null=True)),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="datasets.datasetversion",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization_id", "holder"], name="datasets_seal_holder")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("broken_at__isnull", True)),
                        fields=("organization_id", "version"),
                        name="datasets_seal_unbroken",
                    )
                ],
            },
        ),
        TenantTable("datasets_seal", {"version_id": "datasets_datasetversion"}),
        migrations.RunSQL(
            "REVOKE DELETE ON datasets_seal FROM anneal_app, anneal_system",
            migrations.RunSQL.noop,
        ),
    ]
