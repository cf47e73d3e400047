"""Promises that stay, and the two meters of outcomes."""

from pathlib import Path

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system

SQL = Path(__file__).parent / "sql"


def meters_add(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """What the ledger holds fees in, and what predictions are counted as that cost nothing yet."""
    meters = apps.get_model("prices", "Meter").objects
    meters.create(
        code="outcome_fee",
        name_en="Outcome fees",
        name_zh="成果费用",
        unit_en="unit of currency",
        unit_zh="货币单位",
    )
    meters.create(
        code="outcome_prediction",
        name_en="Predictions paid by outcome",
        name_zh="按成果付费的预测",
        unit_en="prediction",
        unit_zh="次",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("outcomes", "0001_initial"),
        ("prices", "0005_more_prices"),
        ("ledger", "0015_free_meter"),
    ]

    operations = [
        migrations.RunSQL(
            (SQL / "0002_keep.sql").read_text(encoding="utf-8"),
            "DROP FUNCTION outcome_policy_version_keep() CASCADE;"
            " DROP FUNCTION outcome_contract_keep() CASCADE;",
        ),
        migrations.RunPython(as_system(meters_add), migrations.RunPython.noop),
    ]
