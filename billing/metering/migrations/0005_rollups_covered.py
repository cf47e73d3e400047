"""The sums in the index that finds them: an organization's hours are read without the table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_reconcile_increments")]

    operations = [
        migrations.RemoveConstraint("UsageRollup", "metering_usagerollup_once"),
        migrations.AddConstraint(
            "UsageRollup",
            models.UniqueConstraint(
                fields=(
                    "organization_id",
                    "hour",
                    "counts_hour",
                    "meter",
                    "model",
                    "api_key_id",
                    "deployment_id",
                    "price_dims",
                ),
                include=("units", "events"),
                name="metering_usagerollup_once",
                nulls_distinct=False,
            ),
        ),
    ]
