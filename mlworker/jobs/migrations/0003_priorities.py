"""Places in the queue count the priorities of plans, as the claim does."""

from pathlib import Path

from django.db import migrations

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_who_asked"), ("plans", "0004_limits")]

    operations = [
        SystemFunction(
            (SQL / "0003_jobs_queue_places.sql").read_text(encoding="utf-8"),
            "jobs_queue_places()",
        ),
    ]
