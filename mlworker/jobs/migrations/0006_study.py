"""Cross-validation and search: what was asked for, what was found, and its predictions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0007_forecasts"),
    ]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="cross_validation",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="search",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="study",
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name="finetuningjob",
            name="phase",
            field=models.CharField(
                choices=[
                    ("waiting_for_data", "waiting_for_data"),
                    ("reading_files", "reading_files"),
                    ("waiting_for_worker", "waiting_for_worker"),
                    ("starting", "starting"),
                    ("loading", "loading"),
                    ("tokenizing", "tokenizing"),
                    ("encoding", "encoding"),
                    ("searching", "searching"),
                    ("cross_validating", "cross_validating"),
                    ("training", "training"),
                    ("evaluating", "evaluating"),
                    ("saving", "saving"),
                    ("stopping", "stopping"),
                    ("done", "done"),
                ],
                max_length=24,
            ),
        ),
        migrations.AlterField(
            model_name="storedfiles",
            name="kind",
            field=models.CharField(
                choices=[("checkpoint", "checkpoint"), ("model", "model"), ("folds", "folds")],
                max_length=12,
            ),
        ),
    ]
