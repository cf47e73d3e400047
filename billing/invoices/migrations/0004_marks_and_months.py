"""A mark below which usage is settled, and indexes by the month for the operator's revenue."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system

_SETTLE = """
UPDATE invoices_invoiceschedule s SET usage_from = s.begins_at, usage_rest = coalesce((
  SELECT jsonb_agg(jsonb_build_array(i.price_id, i.meter, i.currency, (-i.amount)::text,
                                     (-i.units)::text))
  FROM (SELECT price_id, meter, currency, sum(amount) AS amount,
               coalesce(sum(quantity), 0) AS units
        FROM invoices_invoiceitem
        WHERE organization_id = s.organization_id AND kind = 'usage'
        GROUP BY 1, 2, 3) i), '[]')
"""


def settle(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Begin at nothing: what was asked for so far is what the first close leaves out."""
    with editor.connection.cursor() as cursor:
        cursor.execute(_SETTLE)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_schedule_begins")]

    operations = [
        migrations.AddField(
            model_name="invoiceschedule",
            name="usage_from",
            field=models.DateTimeField(default="2000-01-01T00:00:00Z"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="invoiceschedule",
            name="usage_rest",
            field=models.JSONField(default=list),
        ),
        migrations.RunPython(as_system(settle), migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("status", "final")),
                fields=["issued_at"],
                name="invoices_invoice_issued",
            ),
        ),
        migrations.AddIndex(
            model_name="invoicepayment",
            index=models.Index(fields=["booked_at"], name="invoices_invoicepayment_booked"),
        ),
        migrations.AddIndex(
            model_name="creditnote",
            index=models.Index(fields=["issued_at"], name="invoices_creditnote_issued"),
        ),
    ]
