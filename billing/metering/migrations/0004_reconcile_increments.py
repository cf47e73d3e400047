"""Of how many organizations a comparison was, and when it read."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0003_reconcile_alerts")]

    operations = [
        migrations.AddField("reconcilerun", "read_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "reconcilerun", "organizations", models.PositiveIntegerField(blank=True, null=True)
        ),
    ]
