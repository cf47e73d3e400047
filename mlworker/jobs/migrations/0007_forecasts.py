"""Measured speeds, the wait in the queue, a limit set by max_charge, and what a job continues."""

from pathlib import Path

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"


def _function(name: str, signature: str) -> SystemFunction:
    return SystemFunction((SQL / name).read_text(encoding="utf-8"), signature)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0005_preset"), ("plans", "0004_limits")]

    operations = [
        migrations.AddField(
            model_name="finetuningjob",
            name="token_limit",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="continue_from",
            field=models.CharField(blank=True, default="", max_length=200),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="device",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="tokens_per_second",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="overhead_seconds",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="finetuningjob",
            name="expected_seconds",
            field=models.FloatField(null=True),
        ),
        migrations.RemoveIndex(model_name="finetuningjob", name="jobs_job_speed"),
        migrations.AddIndex(
            model_name="finetuningjob",
            index=models.Index(
                fields=["base", "tier", "-claimed_at"],
                condition=models.Q(("tokens_per_second__gt", 0)),
                name="jobs_job_speed",
            ),
        ),
        _function("0007_jobs_speed.sql", "jobs_speed(text, text)"),
        _function("0007_jobs_queue_places.sql", "jobs_queue_places()"),
    ]
