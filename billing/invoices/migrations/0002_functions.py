"""Numbers without a gap, and what is final staying as it is."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0002_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial"), ("ledger", "0002_functions")]

    operations = [
        SystemFunction(text("number_take"), "number_take(text)"),
        migrations.RunSQL(
            text("keep"),
            "DROP FUNCTION invoice_keep() CASCADE; DROP FUNCTION invoice_part_keep() CASCADE;"
            " DROP FUNCTION invoice_item_keep() CASCADE;",
        ),
    ]
