"""The prediction log."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import anneal.kernel.ids
from anneal.kernel.tables import TenantTable

PARENTS = {"deployment_id": "serving_deployment"}


def _columns(*own: tuple[str, models.Field]) -> list[tuple[str, models.Field]]:  # type: ignore[type-arg] # of any value
    return [
        (
            "id",
            models.UUIDField(
                default=anneal.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
            ),
        ),
        ("organization_id", models.UUIDField(editable=False)),
        ("created_at", models.DateTimeField(auto_now_add=True)),
        *own,
        (
            "deployment",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="serving.deployment",
            ),
        ),
    ]


class Migration(migrations.Migration):
    initial = True

    dependencies = [("serving", "0004_prediction_log")]

    operations = [
        migrations.CreateModel(
            name="Prediction",
            fields=_columns(
                ("model", models.CharField(max_length=200)),
                ("text", models.TextField(null=True)),
                ("text_cut", models.BooleanField(default=False)),
                ("hidden", models.PositiveIntegerField(default=0)),
                ("answer", models.JSONField(default=dict)),
                (
                    "labels",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, size=None
                    ),
                ),
                ("score", models.FloatField(null=True)),
            ),
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["organization_id", "deployment", "-id"], name="predictions_newest"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LogDay",
            fields=_columns(
                ("day", models.DateField()),
                ("answered", models.BigIntegerField(default=0)),
                ("kept", models.BigIntegerField(default=0)),
                ("dropped", models.BigIntegerField(default=0)),
            ),
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization_id", "deployment", "day"), name="predictions_log_day"
                    )
                ],
            },
        ),
        TenantTable("predictions_prediction", PARENTS, parent_key=False),
        TenantTable("predictions_logday", PARENTS, parent_key=False),
    ]
