"""What a plan allows at most in a day or month, and who arranged a change that waits."""

from django.db import migrations, models

# Until now only the operator could arrange a change to a plan with a fee.
ASSIGNED = """
SET LOCAL ROLE anneal_system;
UPDATE plans_subscription s SET next_assigned = true FROM plans_planversion v
WHERE v.id = s.next_version_id AND v.fee > 0;
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("plans", "0004_limits"), ("ledger", "0008_uncovered_and_order")]

    operations = [
        migrations.AddField("planversion", "caps", models.JSONField(default=list)),
        migrations.AddField("subscription", "next_assigned", models.BooleanField(default=False)),
        migrations.RunSQL(ASSIGNED, migrations.RunSQL.noop),
    ]
