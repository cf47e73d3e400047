"""Deployments can be paused, and compared with a second model."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable

ACTIONS = [
    ("created", "Created"),
    ("canary", "Canary"),
    ("shadow", "Shadow"),
    ("promoted", "Promoted"),
    ("rolled_back", "Rolled back"),
    ("paused", "Paused"),
    ("resumed", "Resumed"),
]


class Migration(migrations.Migration):
    dependencies = [("serving", "0001_initial")]

    operations = [
        migrations.AddField("deployment", "paused_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "deploymentrevision", "action", models.CharField(choices=ACTIONS, max_length=20)
        ),
        *(
            migrations.AddField(model, name, field)
            for model in ("deployment", "deploymentrevision")
            for name, field in (
                ("shadow_model", models.CharField(blank=True, default="", max_length=200)),
                ("shadow_percent", models.PositiveSmallIntegerField(default=0)),
            )
        ),
        migrations.AddField("deployment", "compared_since", models.PositiveIntegerField(default=1)),
        migrations.AddConstraint(
            "deployment",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("shadow_model", ""), ("shadow_percent", 0)),
                    models.Q(
                        ("shadow_percent__range", (1, 100)),
                        models.Q(("shadow_model", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="serving_deployment_shadow_whole",
            ),
        ),
        migrations.CreateModel(
            name="DeploymentTally",
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
                ("since", models.PositiveIntegerField()),
                (
                    "side",
                    models.CharField(
                        choices=[("main", "Main"), ("canary", "Canary"), ("shadow", "Shadow")],
                        max_length=10,
                    ),
                ),
                ("model", models.CharField(max_length=200)),
                ("calls", models.BigIntegerField(default=0)),
                ("items", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("skipped", models.BigIntegerField(default=0)),
                ("inference_ms", models.FloatField(default=0.0)),
                ("latency", models.JSONField(default=dict)),
                ("compared", models.BigIntegerField(default=0)),
                ("judged", models.BigIntegerField(default=0)),
                ("agreed", models.BigIntegerField(default=0)),
                ("difference", models.FloatField(default=0.0)),
                ("difference_absolute", models.FloatField(default=0.0)),
                ("changes", models.JSONField(default=list)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "deployment",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="serving.deployment",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "deployment", "since", "side"),
                        name="serving_tally_side",
                    )
                ],
            },
        ),
        TenantTable(
            "serving_deploymenttally", {"deployment_id": "serving_deployment"}, parent_key=False
        ),
    ]
