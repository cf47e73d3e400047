"""Holds of a job that ran out, whose segments may have to be refunded."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0003_priorities"),
    ]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="earlier_holds",
            field=models.JSONField(default=list),
        ),
    ]
