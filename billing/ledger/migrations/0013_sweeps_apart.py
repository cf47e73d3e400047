"""Grants of one account can be ended alone, and kept answers are forgotten by themselves."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"

# It has one more argument: the one there is would stand beside it.
DROPPED = """
SET LOCAL ROLE anneal_system;
DROP FUNCTION ledger_sweep(integer, timestamptz);
RESET ROLE;
"""


def text(name: str) -> str:
    return (SQL / f"0013_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0012_limit_used")]

    operations = [
        migrations.RunSQL(DROPPED, migrations.RunSQL.noop),
        SystemFunction(text("ledger_sweep"), "ledger_sweep(integer, timestamptz, uuid)"),
        SystemFunction(text("calls_forget"), "calls_forget(integer)"),
    ]
