"""The functions that are the ledger's only writers. Their texts are in sql/, one file each."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0002_{name}.sql").read_text(encoding="utf-8")


def helper(name: str, signature: str) -> migrations.RunSQL:
    """A function with its caller's rights: the application gains nothing by calling it."""
    return migrations.RunSQL(text(name), f"DROP FUNCTION IF EXISTS {signature} CASCADE")


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0001_initial"),
        ("metering", "0001_initial"),
        ("prices", "0002_first_prices"),
    ]

    operations = [
        helper("uuid7", "anneal_uuid7()"),
        helper("amount_valid", "amount_valid(numeric)"),
        helper("journals_balance", "ledger_journals_balance()"),
        helper(
            "ledger_post", "ledger_post(text, text, uuid[], uuid[], numeric[], uuid[], timestamptz)"
        ),
        helper("balance_refresh", "balance_refresh(uuid, text, timestamptz)"),
        helper("usage_of", "usage_of(jsonb)"),
        SystemFunction(
            text("grant_add"),
            "grant_add(uuid, text, text, numeric, integer, timestamptz, timestamptz, text,"
            " timestamptz)",
        ),
        SystemFunction(text("grant_void"), "grant_void(uuid, uuid, timestamptz)"),
        SystemFunction(text("hold_take"), "hold_take(jsonb, timestamptz)"),
        SystemFunction(text("hold_settle"), "hold_settle(jsonb, timestamptz)"),
        SystemFunction(
            text("hold_extend"), "hold_extend(uuid, uuid, numeric, numeric, timestamptz)"
        ),
        SystemFunction(text("hold_reap"), "hold_reap(integer, timestamptz)"),
        SystemFunction(text("ledger_sweep"), "ledger_sweep(integer, timestamptz)"),
    ]
