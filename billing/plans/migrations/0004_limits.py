"""How many online calls at once, and what who enforces limits asks across organizations."""

from pathlib import Path

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def text(name: str) -> str:
    return (SQL / f"0004_{name}.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("plans", "0003_first_plans")]

    operations = [
        migrations.AddField(
            "planversion", "calls_in_flight", models.PositiveIntegerField(null=True)
        ),
        migrations.RunSQL(text("first_calls_in_flight"), migrations.RunSQL.noop),
        SystemFunction(text("plan_limits_of"), "plan_limits_of(uuid)"),
    ]
