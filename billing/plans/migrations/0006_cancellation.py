"""A subscription that ends with its period, with no plan after it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("plans", "0005_caps")]

    operations = [
        migrations.AddField("subscription", "ends_with_period", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "subscription",
            models.CheckConstraint(
                condition=models.Q(ends_with_period=False) | models.Q(next_version__isnull=True),
                name="plans_subscription_one_end",
            ),
        ),
    ]
