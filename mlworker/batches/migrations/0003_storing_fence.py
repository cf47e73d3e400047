"""Which claim of a batch may have stored what no row names."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("batches", "0002_served")]

    operations = [
        migrations.AddField("batch", "storing_fence", models.PositiveIntegerField(default=0)),
    ]
