"""Which base of its name a token count was made with; counts that do not say are made again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_study")]

    operations = [
        migrations.AddField(
            model_name="tokencount",
            name="base_key",
            field=models.CharField(default="", max_length=64),
        ),
    ]
