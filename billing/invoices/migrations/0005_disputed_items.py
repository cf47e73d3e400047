"""What is disputed waits: no invoice takes it until that is decided."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("invoices", "0004_marks_and_months")]

    operations = [
        migrations.AddField(
            model_name="invoiceitem",
            name="disputed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(
            (SQL / "0005_item_keep.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop
        ),
    ]
