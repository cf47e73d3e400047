"""What nothing covered, since when a limit counts a hold, and one order of locks for all calls."""

from pathlib import Path

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"

# What hold_take leaves out when a hold has nothing to do with limits and money.
COLUMNS = """
ALTER TABLE ledger_hold ALTER uncovered SET DEFAULT 0, ALTER limits_from SET DEFAULT '{}';
GRANT UPDATE (uncovered, limits_from) ON ledger_hold TO anneal_system;
"""


def text(name: str) -> str:
    return (SQL / f"0008_{name}.sql").read_text(encoding="utf-8")


def helper(name: str, signature: str = "") -> migrations.RunSQL:
    """A function with its caller's rights; one that is replaced has no signature to drop."""
    undo = f"DROP FUNCTION IF EXISTS {signature} CASCADE" if signature else migrations.RunSQL.noop
    return migrations.RunSQL(text(name), undo)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_notice_mails")]

    operations = [
        migrations.AddField(
            model_name="hold",
            name="uncovered",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="hold", name="limits_from", field=models.JSONField(default=dict)
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(
                condition=models.Q(uncovered__gte=0), name="ledger_hold_uncovered"
            ),
        ),
        migrations.RunSQL(COLUMNS, migrations.RunSQL.noop),
        helper("account_key", "account_key(uuid)"),
        helper("accounts_keep", "accounts_keep(uuid[])"),
        helper("hold_charge"),
        helper("limits_check"),
        SystemFunction(text("account_open"), "account_open(uuid)"),
        SystemFunction(
            text("grant_add"),
            "grant_add(uuid, text, text, numeric, integer, timestamptz, timestamptz, text,"
            " timestamptz)",
        ),
        SystemFunction(text("grant_void"), "grant_void(uuid, uuid, timestamptz)"),
        SystemFunction(text("hold_take"), "hold_take(jsonb, timestamptz)"),
        SystemFunction(text("hold_settle"), "hold_settle(jsonb, timestamptz)"),
        SystemFunction(
            text("capture_refund"), "capture_refund(uuid, uuid, numeric, text, text, timestamptz)"
        ),
        SystemFunction(
            text("account_notice"), "account_notice(uuid, text, text, timestamptz, timestamptz)"
        ),
        migrations.RunSQL(text("uncovered_before"), migrations.RunSQL.noop),
    ]
