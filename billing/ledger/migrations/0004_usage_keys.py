"""hold_settle counts through metering's usage_record, which knows keys, months and late hours."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0004_{name}.sql").read_text(encoding="utf-8")


def older(name: str) -> str:
    return (SQL / f"0002_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_house_credit"), ("metering", "0002_partitions")]

    operations = [
        migrations.RunSQL(
            f"DROP FUNCTION usage_of(jsonb);\n{text('usage_of')}",
            f"DROP FUNCTION usage_of(jsonb);\n{older('usage_of')}",
        ),
        SystemFunction(text("hold_settle"), "hold_settle(jsonb, timestamptz)"),
    ]
