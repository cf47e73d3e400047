"""What was refunded of an earlier window's holds makes no room where a limit begins."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_let_go_holds")]

    operations = [
        migrations.RunSQL(
            (SQL / "0012_limit_used.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop
        ),
    ]
