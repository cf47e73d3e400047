"""Which named set of values a job was started with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0004_earlier_holds"),
    ]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="preset",
            field=models.CharField(blank=True, default="", max_length=16),
        ),
    ]
