"""From where on a deployment's prediction log is shown."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("serving", "0005_stream_pin")]

    operations = [
        migrations.AddField("deployment", "log_from", models.UUIDField(blank=True, null=True)),
    ]
