"""A draw keeps what it was taken off, so that the same key with another amount is refused."""

from pathlib import Path

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("promotions", "0002_functions")]

    operations = [
        migrations.AddField(
            model_name="discountdraw",
            name="asked",
            field=models.DecimalField(decimal_places=12, max_digits=38, null=True),
        ),
        migrations.AddField(
            model_name="discountdraw",
            name="currency",
            field=models.CharField(blank=True, default="", max_length=3),
            preserve_default=False,
        ),
        SystemFunction(
            (SQL / "0003_discount_draw.sql").read_text(encoding="utf-8"),
            "discount_draw(uuid, uuid, text, numeric, text, timestamptz)",
        ),
    ]
