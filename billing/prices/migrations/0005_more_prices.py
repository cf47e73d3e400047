"""Cheaper predictions in batches, and stored bytes."""

from datetime import UTC, datetime
from decimal import Decimal

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system

FROM = datetime(2025, 1, 1, tzinfo=UTC)


def prices_seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    meter_model = apps.get_model("prices", "Meter")
    price_model = apps.get_model("prices", "Price")
    prediction = meter_model.objects.get(code="prediction")
    storage = meter_model.objects.create(
        code="storage_gb_hour",
        name_en="Storage",
        name_zh="存储",
        unit_en="GB-hour",
        unit_zh="GB·小时",
    )
    price_model.objects.create(
        meter=prediction,
        version=1,
        currency="USD",
        match={"channel": "batch"},
        unit_amount=Decimal("0.00005"),
        effective_at=FROM,
    )
    price_model.objects.create(
        meter=storage,
        version=1,
        currency="USD",
        unit_amount=Decimal("0.00015"),
        effective_at=FROM,
    )


class Migration(migrations.Migration):
    dependencies = [("prices", "0004_functions")]

    operations = [migrations.RunPython(as_system(prices_seed), migrations.RunPython.noop)]
