"""When the reading of a dispute began: the later of two rules."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_deleted_customers_and_refusals"),
    ]

    operations = [
        migrations.AddField(
            model_name="dispute",
            name="read_at",
            field=models.DateTimeField(null=True),
        ),
    ]
