"""Deployments can be paused."""

from django.db import migrations, models

ACTIONS = [
    ("created", "Created"),
    ("canary", "Canary"),
    ("promoted", "Promoted"),
    ("rolled_back", "Rolled back"),
    ("paused", "Paused"),
    ("resumed", "Resumed"),
]


class Migration(migrations.Migration):
    dependencies = [("serving", "0001_initial")]

    operations = [
        migrations.AddField("deployment", "paused_at", models.DateTimeField(blank=True, null=True)),
        migrations.AlterField(
            "deploymentrevision", "action", models.CharField(choices=ACTIONS, max_length=20)
        ),
    ]
