"""The worlds the state machine lives in: a meter, a currency, its prices and its plans."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import psycopg

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope
from billing.plans.contracts import Overage, Period, PlanTerms
from billing.plans.models import Plan
from billing.plans.services import plan_add, plan_version_draft, plan_version_publish
from tests.unit.billing.naive import ModelPrice
from tests.unit.billing.naive_plans import ModelPlan

D = Decimal
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """What an example is played with; ``coin`` is the currency's smallest."""

    unit: str
    currency: str
    coin: Decimal
    purse: int
    """How many coins a grant of money has at most."""
    prices: dict[str, ModelPrice]
    """By channel; ``plan:CODE`` is a plan's own."""

    def plans(self) -> tuple[ModelPlan, ...]:
        """A free one, a dearer one, one with a credit line, and one by the year between them."""
        line = int(self.coin * self.purse) or 1
        return (
            ModelPlan(f"{self.unit}-free", fee=0, months=1, included=6),
            ModelPlan(f"{self.unit}-plus", fee=10, months=1, included=25),
            ModelPlan(f"{self.unit}-pro", fee=30, months=1, included=41, line=line),
            ModelPlan(f"{self.unit}-year", fee=240, months=12, included=33),
            ModelPlan(f"{self.unit}-even", fee=120, months=12, included=10, line=line),
        )


def package(units: str, amount: str) -> ModelPrice:
    return ModelPrice("package", D(amount), D(units))


def each(amount: str) -> ModelPrice:
    return ModelPrice("per_unit", D(amount))


def tiers(*tiers: tuple[str | None, str, str]) -> ModelPrice:
    return ModelPrice(
        "graduated",
        tiers=tuple((D(to) if to else None, D(one), D(once)) for to, one, once in tiers),
    )


WORLDS: Final = (
    World(
        "machine_usd",
        "USD",
        D("0.01"),
        4_000,
        {
            "": tiers(("10", "1", "0"), ("30", "0.5", "2"), (None, "0.125", "0")),
            "batch": each("0.333333333333"),
            "plan:machine_usd-pro": package("5", "2.5"),
        },
    ),
    World(
        "machine_jpy",
        "JPY",
        D(1),
        200,
        {
            "": package("7", "30"),
            "batch": tiers(("5", "1", "0"), (None, "4", "10")),
            "plan:machine_jpy-plus": each("2.000000000001"),
        },
    ),
    World(
        "machine_kwd",
        "KWD",
        D("0.001"),
        600,
        {
            "": each("0.005"),
            "batch": package("3", "0.125"),
            "plan:machine_kwd-year": tiers(
                ("8", "0.02", "0.1"), ("20", "0.015", "0"), (None, "0", "0")
            ),
        },
    ),
)


def worlds_make(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Commit what the worlds need, once per database."""
    for world in WORLDS:
        with connection.transaction():
            connection.execute("SET LOCAL ROLE anneal_system")
            made = connection.execute(
                "INSERT INTO prices_meter (id, created_at, code, name_en, name_zh, unit_en,"
                " unit_zh) VALUES (gen_random_uuid(), now(), %s, 'Things', '物', 'thing', '个')"
                " ON CONFLICT (code) DO NOTHING RETURNING id",
                [world.unit],
            ).fetchone()
            if made:
                for name, price in world.prices.items():
                    _price_add(connection, made[0], world, name, price)
        with clock.frozen(LONG_AGO), system_scope("test"):
            if not Plan.objects.filter(code=world.plans()[0].code).exists():
                for plan in world.plans():
                    _plan_add(world, plan)


def _price_add(
    connection: psycopg.Connection[tuple[Any, ...]],
    meter_id: Any,
    world: World,
    name: str,
    price: ModelPrice,
) -> None:
    plan = name.removeprefix("plan:") if name.startswith("plan:") else ""
    match = {"channel": name} if name and not plan else {}
    terms = [
        {"up_to": to and str(to), "unit_amount": str(one), "flat_amount": str(once)}
        for to, one, once in price.tiers
    ]
    packaged = price.model == "package"
    connection.execute(
        "INSERT INTO prices_price (id, created_at, meter_id, version, currency, effective_at, plan,"
        " model, match, unit_amount, tiers, package_units, package_amount) VALUES"
        " (gen_random_uuid(), now(), %s, 1, %s, %s, %s, %s, %s::jsonb, %s, %s::jsonb, %s, %s)",
        [
            meter_id,
            world.currency,
            LONG_AGO,
            plan,
            price.model,
            json.dumps(match),
            0 if packaged else price.amount,
            json.dumps(terms),
            price.units if packaged else None,
            price.amount if packaged else None,
        ],
    )


def _plan_add(world: World, plan: ModelPlan) -> None:
    plan_add(actor=SYSTEM_ACTOR, code=plan.code, name_en="Machine", name_zh="机", public=False)
    terms = PlanTerms(
        fee=D(plan.fee),
        currency=world.currency,
        period=Period.YEAR if plan.months == 12 else Period.MONTH,
        included={world.unit: D(plan.included)},
        overage=Overage.INVOICE if plan.line else Overage.BLOCK,
        credit_line=D(plan.line) if plan.line else None,
    )
    draft = plan_version_draft(actor=SYSTEM_ACTOR, plan=plan.code, terms=terms)
    plan_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)
