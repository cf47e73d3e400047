"""Money beside units, segments, refunds, limits, notices and parking: functions made or replaced."""

from pathlib import Path

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import SystemFunction, as_system

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0006_{name}.sql").read_text(encoding="utf-8")


def helper(name: str, signature: str = "") -> migrations.RunSQL:
    """A function with its caller's rights; one that is replaced has no signature to drop."""
    undo = f"DROP FUNCTION IF EXISTS {signature} CASCADE" if signature else migrations.RunSQL.noop
    return migrations.RunSQL(text(name), undo)


def dropped(*signatures: str) -> migrations.RunSQL:
    """Functions of anneal_system that are made anew: their answers have more columns."""
    drops = "".join(f"DROP FUNCTION {signature};\n" for signature in signatures)
    return migrations.RunSQL(
        f"SET LOCAL ROLE anneal_system;\n{drops}RESET ROLE;", migrations.RunSQL.noop
    )


GRANT_ADD = (
    "grant_add(uuid, text, text, numeric, integer, timestamptz, timestamptz, text, timestamptz)"
)


def abstention_add(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """What predictions without a label are counted as: they have no price."""
    apps.get_model("prices", "Meter").objects.create(
        code="abstention",
        name_en="Abstentions",
        name_zh="弃答",
        unit_en="prediction",
        unit_zh="次",
    )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_open_accounts"), ("prices", "0005_more_prices")]

    operations = [
        dropped(
            GRANT_ADD,
            "hold_take(jsonb, timestamptz)",
            "hold_settle(jsonb, timestamptz)",
            "hold_extend(uuid, uuid, numeric, numeric, timestamptz)",
        ),
        helper("ledger_post"),
        helper("balance_refresh"),
        helper("usage_of"),
        helper("balance_alert", "balance_alert(uuid, text, timestamptz)"),
        helper(
            "limits_check",
            "limits_check(uuid, text, numeric, text, numeric, uuid, uuid, timestamptz)",
        ),
        helper("limits_settle", "limits_settle(uuid, numeric, numeric, boolean, timestamptz)"),
        helper("hold_rate", "hold_rate(uuid, text, text, jsonb, numeric, timestamptz, uuid, uuid)"),
        helper("hold_charge", "hold_charge(uuid, numeric, boolean, timestamptz)"),
        helper("grants_refund", "grants_refund(uuid, uuid, text, numeric, uuid, timestamptz)"),
        SystemFunction(text("grant_add"), GRANT_ADD),
        SystemFunction(text("grant_void"), "grant_void(uuid, uuid, timestamptz)"),
        SystemFunction(text("ledger_sweep"), "ledger_sweep(integer, timestamptz)"),
        SystemFunction(text("account_open"), "account_open(uuid)"),
        SystemFunction(text("account_park"), "account_park(uuid, text, timestamptz)"),
        SystemFunction(text("hold_take"), "hold_take(jsonb, timestamptz)"),
        SystemFunction(text("hold_settle"), "hold_settle(jsonb, timestamptz)"),
        SystemFunction(
            text("hold_extend"),
            "hold_extend(uuid, uuid, numeric, numeric, timestamptz, uuid, uuid, jsonb)",
        ),
        SystemFunction(
            text("capture_refund"), "capture_refund(uuid, uuid, numeric, text, text, timestamptz)"
        ),
        migrations.RunPython(as_system(abstention_add), migrations.RunPython.noop),
    ]
