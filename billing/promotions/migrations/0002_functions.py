"""The only writers of redemptions and discounts."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0002_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("promotions", "0001_initial"), ("ledger", "0002_functions")]

    operations = [
        SystemFunction(text("promotion_redeem"), "promotion_redeem(uuid, text, timestamptz)"),
        SystemFunction(
            text("discount_draw"), "discount_draw(uuid, uuid, text, numeric, text, timestamptz)"
        ),
    ]
