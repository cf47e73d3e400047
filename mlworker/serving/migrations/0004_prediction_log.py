"""What a deployment keeps of its answered calls."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("serving", "0003_output_and_rules")]

    operations = [
        migrations.AddField("deployment", "log", models.JSONField(blank=True, default=dict)),
    ]
