"""Stages, exports, and versions that come from elsewhere or from another version."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable

FORMATS = ("huggingface", "adapter", "onnx", "onnx_int8", "container")
STATES = ("queued", "running", "ready", "failed")


def columns() -> list[tuple[str, Any]]:
    key = models.UUIDField(
        default=anneal.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
    )
    return [
        ("id", key),
        ("organization_id", models.UUIDField(editable=False)),
        ("created_at", models.DateTimeField(auto_now_add=True)),
    ]


def version(related_name: str) -> Any:
    return models.ForeignKey(
        db_constraint=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="registry.modelversion",
    )


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_evaluations")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="origin",
            field=models.CharField(
                choices=[("job", "job"), ("import", "import")], default="job", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="modelversion", name="parent_id", field=models.UUIDField(null=True)
        ),
        migrations.AlterField(
            model_name="modelversion", name="job_id", field=models.UUIDField(null=True)
        ),
        migrations.RunSQL(
            "ALTER TABLE registry_modelversion ADD CONSTRAINT registry_modelversion_parent_tenant_fk"
            " FOREIGN KEY (organization_id, parent_id)"
            " REFERENCES registry_modelversion (organization_id, id);"
            "CREATE INDEX registry_modelversion_parent"
            " ON registry_modelversion (organization_id, parent_id) WHERE parent_id IS NOT NULL",
            "ALTER TABLE registry_modelversion DROP CONSTRAINT registry_modelversion_parent_tenant_fk;"
            "DROP INDEX registry_modelversion_parent",
        ),
        migrations.CreateModel(
            name="ModelStage",
            fields=[
                *columns(),
                ("suffix", models.CharField(blank=True, default="", max_length=64)),
                ("name", models.CharField(max_length=32)),
                ("moved_at", models.DateTimeField()),
                ("version", version("stages")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "suffix", "name"),
                        name="registry_modelstage_once",
                    )
                ],
                "indexes": [
                    models.Index(
                        fields=["organization_id", "version"], name="registry_stage_version"
                    )
                ],
            },
        ),
        TenantTable("registry_modelstage", parents={"version_id": "registry_modelversion"}),
        migrations.CreateModel(
            name="ModelExport",
            fields=[
                *columns(),
                ("format", models.CharField(choices=[(f, f) for f in FORMATS], max_length=16)),
                ("state", models.CharField(choices=[(s, s) for s in STATES], max_length=10)),
                ("organization_slug", models.CharField(max_length=32)),
                ("created_by", models.CharField(max_length=254)),
                ("progress", models.FloatField(default=0.0)),
                ("phase", models.CharField(blank=True, default="", max_length=24)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("rung_at", models.DateTimeField(null=True)),
                ("error", models.JSONField(null=True)),
                ("key", models.CharField(blank=True, default="", max_length=400)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("manifest", models.JSONField(default=dict)),
                ("finished_at", models.DateTimeField(null=True)),
                ("version", version("exports")),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "version", "format"),
                        name="registry_modelexport_once",
                    )
                ],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "running"])),
                        fields=["created_at"],
                        name="registry_export_open",
                    )
                ],
            },
        ),
        TenantTable("registry_modelexport", parents={"version_id": "registry_modelversion"}),
    ]
