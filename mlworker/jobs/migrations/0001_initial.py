"""The tables of the jobs."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
import mlworker.jobs.states
from anneal.kernel.tables import SystemFunction, TenantTable
from mlworker.jobs.migrations.sql import DROP_FENCE, FENCE, QUEUE_PLACES, SPEED


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="FineTuningJob",
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
                            ("validating_files", "validating_files"),
                            ("queued", "queued"),
                            ("running", "running"),
                            ("paused", "paused"),
                            ("succeeded", "succeeded"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "phase",
                    models.CharField(
                        choices=[
                            ("waiting_for_data", "waiting_for_data"),
                            ("reading_files", "reading_files"),
                            ("waiting_for_worker", "waiting_for_worker"),
                            ("starting", "starting"),
                            ("loading", "loading"),
                            ("tokenizing", "tokenizing"),
                            ("encoding", "encoding"),
                            ("training", "training"),
                            ("evaluating", "evaluating"),
                            ("saving", "saving"),
                            ("stopping", "stopping"),
                            ("done", "done"),
                        ],
                        max_length=24,
                    ),
                ),
                (
                    "control",
                    models.CharField(
                        blank=True,
                        choices=[("", ""), ("pause", "pause")],
                        default=mlworker.jobs.states.Control["NONE"],
                        max_length=8,
                    ),
                ),
                ("created_by", models.CharField(max_length=254)),
                ("base", models.CharField(max_length=64)),
                ("task", models.CharField(blank=True, default="", max_length=64)),
                ("tier", models.CharField(max_length=16)),
                ("suffix", models.CharField(blank=True, default="", max_length=64)),
                ("seed", models.PositiveBigIntegerField()),
                ("method", models.CharField(default="supervised", max_length=32)),
                ("hyperparameters", models.JSONField(default=dict)),
                ("config", models.JSONField(default=dict)),
                ("metadata", models.JSONField(default=dict)),
                ("training_file", models.CharField(max_length=64)),
                ("validation_file", models.CharField(blank=True, default="", max_length=64)),
                ("dataset_id", models.UUIDField(null=True)),
                ("dataset_version_id", models.UUIDField(null=True)),
                ("validation_version_id", models.UUIDField(null=True)),
                ("hold_id", models.UUIDField(null=True)),
                ("quoted_tokens", models.PositiveBigIntegerField(null=True)),
                ("max_charge", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ("trained_tokens", models.PositiveBigIntegerField(null=True)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("stalled_attempts", models.PositiveIntegerField(default=0)),
                ("fence", models.BigIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("worker", models.CharField(blank=True, default="", max_length=200)),
                ("event_count", models.PositiveBigIntegerField(default=0)),
                ("progress", models.JSONField(default=dict)),
                ("metrics", models.JSONField(default=dict)),
                ("seconds", models.FloatField(null=True)),
                ("warnings", models.JSONField(default=list)),
                ("error", models.JSONField(null=True)),
                ("fine_tuned_model", models.CharField(blank=True, default="", max_length=200)),
                ("rung_at", models.DateTimeField(null=True)),
                ("queued_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "queued")),
                        fields=["organization_id", "queued_at", "id"],
                        name="jobs_job_queued",
                    ),
                    models.Index(
                        condition=models.Q(("state__in", ["running", "validating_files"])),
                        fields=["lease_until"],
                        name="jobs_job_leased",
                    ),
                    models.Index(
                        fields=["organization_id", "-claimed_at"], name="jobs_job_service"
                    ),
                    models.Index(fields=["organization_id", "-id"], name="jobs_job_newest"),
                    models.Index(
                        condition=models.Q(("state", "succeeded")),
                        fields=["base", "tier", "-finished_at"],
                        name="jobs_job_speed",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at__isnull", False),
                                ("state__in", ["cancelled", "failed", "succeeded"]),
                            ),
                            models.Q(
                                ("finished_at__isnull", True),
                                ("state__in", ["paused", "queued", "running", "validating_files"]),
                            ),
                            _connector="OR",
                        ),
                        name="jobs_job_finished_is_terminal",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "running"), _negated=True),
                            ("lease_until__isnull", False),
                            _connector="OR",
                        ),
                        name="jobs_job_running_is_leased",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "validating_files",
                                    "queued",
                                    "running",
                                    "paused",
                                    "succeeded",
                                    "failed",
                                    "cancelled",
                                ],
                            )
                        ),
                        name="jobs_job_state",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TokenCount",
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
                ("dataset_version_id", models.UUIDField()),
                ("base", models.CharField(max_length=64)),
                ("lengths", models.JSONField()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "dataset_version_id", "base"),
                        name="jobs_tokencount_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JobEvent",
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
                ("seq", models.PositiveBigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("status", "status"), ("log", "log"), ("metric", "metric")],
                        max_length=8,
                    ),
                ),
                ("level", models.CharField(default="info", max_length=8)),
                ("code", models.CharField(blank=True, default="", max_length=64)),
                ("message", models.TextField()),
                ("data", models.JSONField(default=dict)),
                (
                    "job",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="jobs.finetuningjob",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "job", "seq"), name="jobs_jobevent_seq"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredFiles",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("checkpoint", "checkpoint"), ("model", "model")], max_length=12
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("writing", "writing"),
                            ("ready", "ready"),
                            ("deleting", "deleting"),
                        ],
                        max_length=10,
                    ),
                ),
                ("fence", models.BigIntegerField()),
                ("step", models.PositiveBigIntegerField(default=0)),
                ("epoch", models.FloatField(default=0.0)),
                ("metrics", models.JSONField(default=dict)),
                ("key", models.CharField(max_length=400)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("manifest_sha256", models.CharField(blank=True, default="", max_length=64)),
                (
                    "job",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="jobs.finetuningjob",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization_id", "job", "-id"], name="jobs_stored_newest"
                    ),
                    models.Index(
                        condition=models.Q(("state", "ready"), _negated=True),
                        fields=["created_at"],
                        name="jobs_stored_pending",
                    ),
                ],
            },
        ),
        TenantTable("jobs_finetuningjob"),
        TenantTable("jobs_jobevent", {"job_id": "jobs_finetuningjob"}),
        TenantTable("jobs_storedfiles", {"job_id": "jobs_finetuningjob"}),
        TenantTable("jobs_tokencount"),
        migrations.RunSQL(FENCE, reverse_sql=DROP_FENCE),
        SystemFunction(QUEUE_PLACES, "jobs_queue_places()"),
        SystemFunction(SPEED, "jobs_speed(text, text)"),
    ]
