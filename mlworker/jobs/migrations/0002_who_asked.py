"""Whose budgets count a job."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="api_key_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="member_id",
            field=models.UUIDField(null=True),
        ),
    ]
