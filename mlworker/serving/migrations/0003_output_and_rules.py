"""What a deployment makes of its models' answers, and its rules."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("serving", "0002_pause_and_shadow")]

    operations = [
        migrations.AddField("deployment", "output", models.JSONField(blank=True, default=dict)),
        migrations.AddField("deployment", "rules", models.JSONField(blank=True, default=list)),
    ]
