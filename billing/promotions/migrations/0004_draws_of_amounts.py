"""A discount is drawn off an amount: least() of NaN and what is left would be all that is left."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("promotions", "0003_draws_say_of_what")]

    operations = [
        SystemFunction(
            (SQL / "0004_discount_draw.sql").read_text(encoding="utf-8"),
            "discount_draw(uuid, uuid, text, numeric, text, timestamptz)",
        ),
    ]
