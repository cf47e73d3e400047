"""From when on usage is asked for: what was booked before invoices were made is not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0002_functions")]

    operations = [
        migrations.AddField(
            model_name="invoiceschedule",
            name="begins_at",
            field=models.DateTimeField(default="2000-01-01T00:00:00Z"),
            preserve_default=False,
        ),
    ]
