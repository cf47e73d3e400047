"""The tables of the batches."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import anneal.kernel.ids
import mlworker.batches.states
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Batch",
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
                ("organization_slug", models.CharField(max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("validating", "validating"),
                            ("failed", "failed"),
                            ("in_progress", "in_progress"),
                            ("finalizing", "finalizing"),
                            ("completed", "completed"),
                            ("expired", "expired"),
                            ("cancelling", "cancelling"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "form",
                    models.CharField(
                        choices=[("requests", "requests"), ("rows", "rows")], max_length=10
                    ),
                ),
                ("created_by", models.CharField(max_length=254)),
                ("api_key_id", models.UUIDField(null=True)),
                ("member_id", models.UUIDField(null=True)),
                ("endpoint", models.CharField(max_length=40)),
                ("model", models.CharField(blank=True, default="", max_length=200)),
                ("serves", models.JSONField(default=dict)),
                ("version_name", models.CharField(blank=True, default="", max_length=200)),
                ("text_column", models.CharField(blank=True, default="", max_length=1000)),
                ("table", models.JSONField(default=dict)),
                ("window_hours", models.PositiveSmallIntegerField()),
                ("metadata", models.JSONField(default=dict)),
                ("input_file_id", models.UUIDField()),
                ("output_file_id", models.UUIDField(null=True)),
                ("error_file_id", models.UUIDField(null=True)),
                ("total", models.PositiveIntegerField(default=0)),
                ("completed", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("items", models.PositiveIntegerField(default=0)),
                ("charged", models.PositiveIntegerField(default=0)),
                ("chunks", models.PositiveIntegerField(default=0)),
                ("hold_id", models.UUIDField(null=True)),
                ("errors", models.JSONField(default=list)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("fence", models.PositiveIntegerField(default=0)),
                ("stalled", models.PositiveSmallIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("worker", models.CharField(blank=True, default="", max_length=200)),
                ("expires_at", models.DateTimeField()),
                ("moments", models.JSONField(default=dict)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "batches",
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["claimed_at", "id"],
                        name="batches_batch_open",
                    ),
                    models.Index(fields=["organization_id", "-id"], name="batches_batch_newest"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at__isnull", False),
                                (
                                    "state__in",
                                    [
                                        mlworker.batches.states.BatchState["CANCELLED"],
                                        mlworker.batches.states.BatchState["COMPLETED"],
                                        mlworker.batches.states.BatchState["EXPIRED"],
                                        mlworker.batches.states.BatchState["FAILED"],
                                    ],
                                ),
                            ),
                            models.Q(
                                ("finished_at__isnull", True),
                                (
                                    "state__in",
                                    [
                                        mlworker.batches.states.BatchState["CANCELLING"],
                                        mlworker.batches.states.BatchState["FINALIZING"],
                                        mlworker.batches.states.BatchState["IN_PROGRESS"],
                                        mlworker.batches.states.BatchState["VALIDATING"],
                                    ],
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="batches_batch_finished_is_terminal",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "completed__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("total"), "-", models.F("failed")
                                ),
                            )
                        ),
                        name="batches_batch_counts",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchChunk",
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
                ("requests", models.PositiveIntegerField()),
                ("failed", models.PositiveIntegerField()),
                ("items", models.PositiveIntegerField()),
                ("output_key", models.CharField(blank=True, default="", max_length=400)),
                ("error_key", models.CharField(blank=True, default="", max_length=400)),
                (
                    "batch",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="batches.batch",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "batch", "number"), name="batches_chunk_number"
                    )
                ],
            },
        ),
        TenantTable("batches_batch"),
        TenantTable("batches_batchchunk", {"batch_id": "batches_batch"}),
    ]
