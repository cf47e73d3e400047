"""A keyed call whose first try is over goes on, and no grant is of nothing or of the past."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0014_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0013_sweeps_apart")]

    operations = [
        SystemFunction(text("hold_take"), "hold_take(jsonb, timestamptz)"),
        SystemFunction(
            text("grant_add"),
            "grant_add(uuid, text, text, numeric, integer, timestamptz, timestamptz, text,"
            " timestamptz)",
        ),
        SystemFunction(text("calls_forget"), "calls_forget(integer)"),
    ]
