"""Pools of pending units, what happened and is charged as far as it goes, and the most of a hold."""

from pathlib import Path

from django.db import migrations, models

from anneal.kernel.tables import SystemFunction

SQL = Path(__file__).parent / "sql"

RIGHTS = """
ALTER TABLE ledger_ratedusage ALTER aside SET DEFAULT 0, ALTER limits SET DEFAULT '{}';
GRANT UPDATE (api_key_id, member_id) ON ledger_hold TO anneal_system;
"""

# Their arguments or answers are others now.
DROPPED = """
DROP FUNCTION hold_rate(uuid, text, text, jsonb, numeric, timestamptz, uuid, uuid);
DROP FUNCTION limits_check(uuid, text, numeric, text, numeric, uuid, uuid, timestamptz);
DROP FUNCTION limits_settle(uuid, numeric, numeric, boolean, timestamptz);
DROP FUNCTION hold_charge(uuid, numeric, boolean, timestamptz);
SET LOCAL ROLE anneal_system;
DROP FUNCTION hold_extend(uuid, uuid, numeric, numeric, timestamptz, uuid, uuid, jsonb);
RESET ROLE;
"""


def text(name: str) -> str:
    return (SQL / f"0009_{name}.sql").read_text(encoding="utf-8")


def helper(name: str, signature: str) -> migrations.RunSQL:
    """A function with its caller's rights."""
    return migrations.RunSQL(text(name), f"DROP FUNCTION IF EXISTS {signature} CASCADE")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_uncovered_and_order")]

    operations = [
        migrations.AddField(
            model_name="hold", name="api_key_id", field=models.UUIDField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="hold", name="member_id", field=models.UUIDField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="ratedusage",
            name="aside",
            field=models.DecimalField(decimal_places=12, default=0, max_digits=38),
        ),
        migrations.AddField(
            model_name="ratedusage", name="limits", field=models.JSONField(default=dict)
        ),
        migrations.AddConstraint(
            model_name="ratedusage",
            constraint=models.CheckConstraint(
                condition=models.Q(aside__gte=0), name="ledger_ratedusage_aside"
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("rated_usage_id__isnull", False), ("state", "held")),
                fields=["rated_usage_id"],
                name="ledger_hold_pool",
            ),
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
        migrations.RunSQL(DROPPED, migrations.RunSQL.noop),
        helper("jsonb_add", "jsonb_add(jsonb, jsonb)"),
        helper("hold_rate", "hold_rate(uuid, text, text, jsonb, numeric, timestamptz, uuid, uuid)"),
        helper("hold_top", "hold_top(uuid, uuid, numeric)"),
        helper("hold_charge", "hold_charge(uuid, numeric, boolean, uuid[], timestamptz)"),
        helper(
            "limits_check",
            "limits_check(uuid, text, numeric, text, numeric, numeric, numeric, uuid, uuid, uuid,"
            " uuid, boolean, timestamptz)",
        ),
        helper(
            "limits_settle", "limits_settle(uuid, numeric, numeric, boolean, uuid[], timestamptz)"
        ),
        SystemFunction(text("hold_take"), "hold_take(jsonb, timestamptz)"),
        SystemFunction(text("hold_settle"), "hold_settle(jsonb, timestamptz)"),
        SystemFunction(
            text("hold_extend"),
            "hold_extend(uuid, uuid, numeric, numeric, timestamptz, uuid, uuid, jsonb, numeric)",
        ),
        SystemFunction(
            text("capture_refund"), "capture_refund(uuid, uuid, numeric, text, text, timestamptz)"
        ),
        migrations.RunSQL(text("pools_before"), migrations.RunSQL.noop),
    ]
