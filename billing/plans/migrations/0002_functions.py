"""Periods, which plan an organization is on, and the promise that a published version is."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0002_{name}.sql").read_text(encoding="utf-8")


def helper(name: str, arguments: str) -> migrations.RunSQL:
    """A function with its caller's rights."""
    return migrations.RunSQL(text(name), f"DROP FUNCTION {name}({arguments})")


class Migration(migrations.Migration):
    dependencies = [("plans", "0001_initial"), ("prices", "0004_functions")]

    operations = [
        helper("period_boundary", "date, text, integer"),
        helper("period_of", "date, text, integer, timestamptz"),
        # What prices made as a place for these to stand in; it is there again only when prices'
        # own migration is undone.
        migrations.RunSQL(text("billing_plan"), migrations.RunSQL.noop),
        migrations.RunSQL(text("billing_period"), migrations.RunSQL.noop),
        migrations.RunSQL(text("plan_version_keep"), "DROP FUNCTION plan_version_keep() CASCADE"),
    ]
