"""Files, datasets and versions; a finished version is closed to change by the database itself."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable

IMMUTABLE = """
CREATE FUNCTION datasets_version_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'dataset version % is finished and cannot change', OLD.id;
END $$;
CREATE TRIGGER datasets_version_immutable BEFORE UPDATE ON datasets_datasetversion
    FOR EACH ROW WHEN (OLD.status <> 'processing')
    EXECUTE FUNCTION datasets_version_refuse_change();
"""
FORGET = """
DROP TRIGGER datasets_version_immutable ON datasets_datasetversion;
DROP FUNCTION datasets_version_refuse_change();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Dataset",
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
                ("name", models.CharField(max_length=120)),
                ("task", models.CharField(max_length=40)),
                (
                    "origin",
                    models.CharField(
                        choices=[("upload", "upload"), ("file", "file"), ("sample", "sample")],
                        max_length=10,
                    ),
                ),
                ("versions", models.PositiveIntegerField(default=0)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization_id", "-id"], name="datasets_dataset_newest")
                ],
            },
        ),
        migrations.CreateModel(
            name="File",
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
                ("filename", models.CharField(max_length=255)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("fine-tune", "fine-tune"),
                            ("batch", "batch"),
                            ("batch_output", "batch_output"),
                            ("fine-tune-results", "fine-tune-results"),
                        ],
                        max_length=20,
                    ),
                ),
                ("bytes", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("storage_key", models.CharField(max_length=255)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization_id", "-id"], name="datasets_file_newest")
                ],
            },
        ),
        migrations.CreateModel(
            name="DatasetVersion",
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
                ("number", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("processing", "processing"),
                            ("ready", "ready"),
                            ("failed", "failed"),
                        ],
                        max_length=12,
                    ),
                ),
                ("format", models.CharField(blank=True, default="", max_length=8)),
                ("columns", models.JSONField(default=list)),
                ("mapping", models.JSONField(blank=True, null=True)),
                ("seed", models.BigIntegerField()),
                ("rows", models.PositiveIntegerField(default=0)),
                ("labels", models.JSONField(default=dict)),
                ("splits", models.JSONField(default=dict)),
                ("content_hash", models.CharField(blank=True, default="", max_length=64)),
                ("storage_key", models.CharField(blank=True, default="", max_length=255)),
                ("validation_report", models.JSONField(default=dict)),
                ("statistics", models.JSONField(default=dict)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="version_rows",
                        to="datasets.dataset",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="datasets.file",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["organization_id", "file"], name="datasets_version_file"),
                    models.Index(
                        condition=models.Q(("status", "processing")),
                        fields=["created_at"],
                        name="datasets_version_waiting",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "dataset", "number"),
                        name="datasets_version_number",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status", "processing"),
                            ("finished_at__isnull", False),
                            _connector="XOR",
                        ),
                        name="datasets_version_finished",
                    ),
                ],
            },
        ),
        TenantTable("datasets_dataset"),
        TenantTable("datasets_file"),
        TenantTable(
            "datasets_datasetversion",
            parents={"dataset_id": "datasets_dataset", "file_id": "datasets_file"},
        ),
        migrations.RunSQL(IMMUTABLE, FORGET),
    ]
