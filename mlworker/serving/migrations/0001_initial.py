"""Deployments and their history."""

import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Deployment",
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
                ("name", models.CharField(max_length=64)),
                ("model", models.CharField(max_length=200)),
                ("canary_model", models.CharField(blank=True, default="", max_length=200)),
                ("canary_percent", models.PositiveSmallIntegerField(default=0)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("organization_id", "name"),
                        name="serving_deployment_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^[a-z0-9-]{1,64}$")),
                        name="serving_deployment_name_shape",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("canary_percent__gte", 0), ("canary_percent__lte", 99)),
                        name="serving_deployment_percent",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("canary_model", ""), ("canary_percent", 0)),
                            models.Q(
                                ("canary_percent__gt", 0),
                                models.Q(("canary_model", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="serving_deployment_canary_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeploymentRevision",
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
                ("model", models.CharField(max_length=200)),
                ("canary_model", models.CharField(blank=True, default="", max_length=200)),
                ("canary_percent", models.PositiveSmallIntegerField(default=0)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("canary", "Canary"),
                            ("promoted", "Promoted"),
                            ("rolled_back", "Rolled back"),
                        ],
                        max_length=20,
                    ),
                ),
                ("reason", models.CharField(blank=True, default="", max_length=500)),
                ("actor", models.CharField(max_length=254)),
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
                        fields=("organization_id", "deployment", "number"),
                        name="serving_revision_number",
                    )
                ],
            },
        ),
        TenantTable("serving_deployment"),
        TenantTable(
            "serving_deploymentrevision",
            {"deployment_id": "serving_deployment"},
            append_only=True,
        ),
    ]
