"""What is free when it is settled may be counted under a meter of its own."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"{name}_usage_of.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0014_answers_and_grants")]

    operations = [migrations.RunSQL(text("0015"), text("0006"))]
