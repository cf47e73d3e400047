"""Who had a notice's mail, so that one address that fails sends nobody else a second one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_account_functions")]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="mailed_to",
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            model_name="notice",
            name="claimed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunSQL(
            "GRANT UPDATE (mailed_to, claimed_until) ON ledger_notice TO anneal_app",
            "REVOKE UPDATE (mailed_to, claimed_until) ON ledger_notice FROM anneal_app",
        ),
    ]
