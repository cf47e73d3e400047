"""A limit begins with what its window has used, and thresholds are told when they are reached."""

from pathlib import Path

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"

# The functions that hold leave the new column out.
COLUMNS = "ALTER TABLE ledger_limitcount ALTER carried SET DEFAULT 0;"


def text(name: str) -> str:
    return (SQL / f"0010_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0009_pools"),
        ("metering", "0004_reconcile_increments"),
    ]

    operations = [
        migrations.AddField(
            model_name="limitcount",
            name="carried",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddConstraint(
            model_name="limitcount",
            constraint=models.CheckConstraint(
                condition=models.Q(carried__gte=0), name="ledger_limitcount_carried"
            ),
        ),
        migrations.RunSQL(COLUMNS, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                fields=["organization_id", "unit", "booked_at"],
                include=["amount"],
                condition=models.Q(account__in=["revenue", "receivable"], unit__regex="^[A-Z]{3}$"),
                name="ledger_entry_charges",
            ),
        ),
        migrations.RunSQL(text("balance_refresh"), migrations.RunSQL.noop),
        # It has one more argument: the one there is would stand beside it.
        migrations.RunSQL(
            "SET LOCAL ROLE anneal_system; DROP FUNCTION grant_void(uuid, uuid, timestamptz);"
            " RESET ROLE;",
            migrations.RunSQL.noop,
        ),
        SystemFunction(text("grant_void"), "grant_void(uuid, uuid, timestamptz, boolean)"),
        migrations.RunSQL(
            text("limit_used"),
            "DROP FUNCTION limit_used(ledger_spendinglimit, timestamptz, timestamptz)",
        ),
        SystemFunction(text("limit_begin"), "limit_begin(uuid, uuid, boolean, timestamptz)"),
    ]
