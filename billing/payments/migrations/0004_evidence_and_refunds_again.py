"""Until when disputes must be answered, and which refunds their payments count."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system

# Of disputes the provider's events told it; of two the later one rules.
_EVIDENCE = """
UPDATE payments_dispute d SET evidence_due_at = to_timestamp(e.due_by::bigint)
FROM (
  SELECT DISTINCT ON (object_ref) object_ref,
         body::json #>> '{data,object,evidence_details,due_by}' AS due_by
  FROM payments_providereventrow WHERE kind = 'dispute' ORDER BY object_ref, occurred_at DESC, id DESC
) e WHERE e.object_ref = d.ref AND e.due_by IS NOT NULL
"""
# Those made at the provider whose money has gone are the only ones that count.
_BOOKED = """
UPDATE payments_refund SET booked = false WHERE key LIKE 'provider:%' AND state <> 'succeeded'
"""


def fill(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Fill both in for what is there already."""
    with editor.connection.cursor() as cursor:
        cursor.execute(_EVIDENCE)
        cursor.execute(_BOOKED)


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0003_provider_event_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="dispute",
            name="evidence_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="refund",
            name="booked",
            field=models.BooleanField(default=True),
        ),
        migrations.RunPython(as_system(fill), migrations.RunPython.noop),
    ]
