"""The first meters and what a unit of each costs."""

from datetime import UTC, datetime
from decimal import Decimal

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system

METERS = [
    # code, names, units, price in US dollars
    ("prediction", "Predictions", "预测", "prediction", "次", "0.0001"),
    ("trained_token", "Trained tokens", "训练词元", "token", "个词元", "0.0000005"),
]


def prices_seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    meter_model = apps.get_model("prices", "Meter")
    price_model = apps.get_model("prices", "Price")
    for code, name_en, name_zh, unit_en, unit_zh, amount in METERS:
        meter = meter_model.objects.create(
            code=code, name_en=name_en, name_zh=name_zh, unit_en=unit_en, unit_zh=unit_zh
        )
        price_model.objects.create(
            meter=meter,
            version=1,
            currency="USD",
            unit_amount=Decimal(amount),
            effective_at=datetime(2025, 1, 1, tzinfo=UTC),
        )


class Migration(migrations.Migration):
    dependencies = [("prices", "0001_initial")]

    operations = [migrations.RunPython(as_system(prices_seed), migrations.RunPython.noop)]
