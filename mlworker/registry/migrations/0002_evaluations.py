"""Where a version's evaluation report lies."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="report_key",
            field=models.CharField(blank=True, default="", max_length=400),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="predictions_key",
            field=models.CharField(blank=True, default="", max_length=400),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="evaluation_bytes",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="evaluation_version_id",
            field=models.UUIDField(null=True),
        ),
    ]
