"""The contract that pays for what comes of predictions."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("serving", "0006_log_from"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="outcome_contract_id",
            field=models.UUIDField(blank=True, null=True),
        ),
    ]
