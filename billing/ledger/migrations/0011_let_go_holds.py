"""Where the hourly comparison finds holds that were let go: they leave no row but their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_limits_and_thresholds")]

    operations = [
        migrations.AddIndex(
            "Hold",
            models.Index(
                fields=["settled_at"],
                condition=models.Q(("state__in", ["released", "expired"])),
                name="ledger_hold_let_go",
            ),
        ),
    ]
