"""Which comparison the operators were told of, so that an alert that failed is sent again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_partitions")]

    operations = [
        migrations.AddField(
            model_name="reconcilerun",
            name="digest",
            field=models.CharField(default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="reconcilerun",
            name="alerted_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
