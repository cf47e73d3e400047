"""The contract that a job is judged by."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0009_token_count_base_key"),
    ]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="outcome_contract",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
    ]
