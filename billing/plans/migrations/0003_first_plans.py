"""The first plans, and the trial as it has been."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from anneal.kernel.tables import as_system

PLANS: list[dict[str, Any]] = [
    {
        "code": "free",
        "names": ("Free", "免费版"),
        "fee": 0,
        "included": {"prediction": "1000"},
        "requests_per_minute": 60,
        "concurrency": 1,
        "priority": 80,
        "storage_gb": 1,
        "seats": 2,
        "overage": "block",
    },
    {
        "code": "starter",
        "names": ("Starter", "入门版"),
        "fee": 19,
        "included": {"prediction": "250000", "trained_token": "20000000"},
        "requests_per_minute": 600,
        "concurrency": 2,
        "priority": 50,
        "storage_gb": 20,
        "seats": 5,
        "overage": "block",
    },
    {
        "code": "pro",
        "names": ("Pro", "专业版"),
        "fee": 99,
        "included": {"prediction": "1500000", "trained_token": "150000000"},
        "requests_per_minute": 6000,
        "concurrency": 8,
        "priority": 20,
        "storage_gb": 200,
        "seats": 25,
        "overage": "invoice",
        "credit_line": Decimal(200),
    },
]


def plans_seed(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    plan_model = apps.get_model("plans", "Plan")
    version_model = apps.get_model("plans", "PlanVersion")
    for position, terms in enumerate(PLANS):
        values = dict(terms)
        name_en, name_zh = values.pop("names")
        plan = plan_model.objects.create(
            code=values.pop("code"), name_en=name_en, name_zh=name_zh, position=position
        )
        version_model.objects.create(
            plan=plan,
            version=1,
            currency="USD",
            period="month",
            published_at=datetime(2025, 1, 1, tzinfo=UTC),
            **values,
        )
    apps.get_model("plans", "TrialTerms").objects.create(
        version=1, days=14, units={"prediction": "1000", "trained_token": "10000000"}
    )


class Migration(migrations.Migration):
    dependencies = [("plans", "0002_functions"), ("prices", "0005_more_prices")]

    operations = [migrations.RunPython(as_system(plans_seed), migrations.RunPython.noop)]
