"""Judgements of predictions."""

from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Feedback",
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
                ("prediction_id", models.UUIDField()),
                ("model", models.CharField(blank=True, default="", max_length=200)),
                ("label", models.CharField(blank=True, max_length=200, null=True)),
                ("rating", models.SmallIntegerField(blank=True, null=True)),
                ("comment", models.CharField(blank=True, default="", max_length=2000)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "prediction_id"),
                        name="feedback_one_per_prediction",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rating", None), ("rating__range", (1, 5)), _connector="OR"
                        ),
                        name="feedback_rating_range",
                    ),
                ],
            },
        ),
        TenantTable("feedback_feedback"),
    ]
