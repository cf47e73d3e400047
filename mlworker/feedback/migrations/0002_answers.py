"""What would have been right, for tasks whose answer is no single label."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A list of labels, entities or a number beside the label."""

    dependencies = [("feedback", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="feedback", name="answer", field=models.JSONField(blank=True, null=True)
        ),
    ]
