"""Subscriptions that were left at once, whose units were taken back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("plans", "0006_cancellation")]

    operations = [
        migrations.AddField("subscription", "returned", models.BooleanField(default=False)),
        migrations.AddIndex(
            "subscription",
            models.Index(
                fields=["renews_at"],
                condition=models.Q(returned=True),
                name="plans_subscription_returned",
            ),
        ),
    ]
