"""Finding provider events by what they are about, and those nobody tries any more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0002_meter_exports"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="providereventrow",
            index=models.Index(
                condition=models.Q(("state", "failed")),
                fields=["id"],
                name="payments_providerevent_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="providereventrow",
            index=models.Index(fields=["object_ref"], name="payments_providerevent_object"),
        ),
        migrations.AddIndex(
            model_name="providereventrow",
            index=models.Index(fields=["intent_ref"], name="payments_providerevent_intent"),
        ),
    ]
