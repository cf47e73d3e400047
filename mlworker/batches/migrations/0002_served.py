"""When an organization's batches were claimed last, ended ones included."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("batches", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(
                fields=["organization_id", "claimed_at"], name="batches_batch_served"
            ),
        ),
    ]
