"""Rating: Python and Postgres say the same, parts add up, a ceiling is never passed."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.prices import rating
from billing.prices.contracts import PriceModel, PriceTerms, Tier
from billing.prices.terms import tiers_json

pytestmark = pytest.mark.django_db

STEP = Decimal("0.000000000001")
CHECKED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def numbers(largest: int, *, least: Decimal = Decimal(0)) -> st.SearchStrategy[Decimal]:
    """Whole ones, fine ones and borders."""
    return st.one_of(
        st.integers(min_value=0, max_value=largest).map(Decimal),
        st.decimals(min_value=0, max_value=largest, places=12),
        st.sampled_from([Decimal(largest), STEP, Decimal("0.5")]),
    ).map(lambda value: max(value, least))


@st.composite
def tiers(draw: Any) -> tuple[Tier, ...]:
    ends = sorted(draw(st.sets(numbers(50, least=STEP), max_size=4)))
    return tuple(
        Tier(up_to=end, unit_amount=draw(numbers(3)), flat_amount=draw(numbers(5)))
        for end in [*ends, None]
    )


PRICES = st.one_of(
    st.builds(PriceTerms, model=st.just(PriceModel.PER_UNIT), unit_amount=numbers(3)),
    st.builds(PriceTerms, model=st.just(PriceModel.GRADUATED), tiers=tiers()),
    st.builds(PriceTerms, model=st.just(PriceModel.VOLUME), tiers=tiers()),
    st.builds(
        PriceTerms,
        model=st.just(PriceModel.PACKAGE),
        package_units=numbers(20, least=STEP),
        package_amount=numbers(5, least=STEP),
    ),
    st.builds(
        PriceTerms, model=st.just(PriceModel.PERCENTAGE), percent=numbers(100, least=STEP * 100)
    ),
)


def in_sql(expression: str, price: PriceTerms, *values: Decimal) -> Decimal | None:
    """Evaluate one of the functions for a price that no table holds."""
    row = {
        "model": price.model.value,
        "unit_amount": str(price.unit_amount),
        "tiers": tiers_json(price.tiers),
        "package_units": price.package_units and str(price.package_units),
        "package_amount": price.package_amount and str(price.package_amount),
        "percent": price.percent and str(price.percent),
    }
    marks = ", ".join(["%s"] * len(values))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression}(jsonb_populate_record(NULL::prices_price, %s::jsonb), {marks})",
            [json.dumps(row), *values],
        )
        (found,) = cursor.fetchone()
    return found  # type: ignore[no-any-return] # a numeric or NULL


@CHECKED
@given(price=PRICES, used=numbers(80), units=numbers(80), pending=numbers(80))
def test_python_and_postgres_rate_alike(
    price: PriceTerms, used: Decimal, units: Decimal, pending: Decimal
) -> None:
    assert rating.rate(price, units) == in_sql("price_rate", price, units)
    assert rating.cost(price, used, units) == in_sql("price_cost", price, used, units)
    assert rating.ceiling(price, used, pending, units) == in_sql(
        "price_ceiling", price, used, pending, units
    )


@CHECKED
@given(
    price=PRICES.filter(lambda price: price.model in rating.IN_ADVANCE),
    parts=st.lists(numbers(40), max_size=8),
)
def test_the_parts_of_a_period_add_up_to_the_whole(price: PriceTerms, parts: list[Decimal]) -> None:
    used = [sum(parts[:count], Decimal(0)) for count in range(len(parts) + 1)]

    costs = [rating.cost(price, before, part) for before, part in zip(used, parts, strict=False)]

    assert sum(costs, Decimal(0)) == rating.rate(price, used[-1])
    assert all(cost is not None and cost >= 0 for cost in costs)


@CHECKED
@given(
    price=PRICES.filter(lambda price: price.model in rating.IN_ADVANCE),
    used=numbers(60),
    units=numbers(40),
    pending=st.lists(numbers(20), min_size=1, max_size=6),
)
def test_no_order_of_captures_costs_more_than_the_ceiling(
    price: PriceTerms, used: Decimal, units: Decimal, pending: list[Decimal]
) -> None:
    most = rating.ceiling(price, used, sum(pending, Decimal(0)), units)
    assert most is not None

    for count in range(len(pending) + 1):
        cost = rating.cost(price, used + sum(pending[:count], Decimal(0)), units)
        assert cost is not None
        assert cost <= most


GRADUATED = PriceTerms(
    model=PriceModel.GRADUATED,
    tiers=(
        Tier(up_to=Decimal(10), unit_amount=Decimal(2), flat_amount=Decimal(5)),
        Tier(up_to=None, unit_amount=Decimal(1), flat_amount=Decimal(7)),
    ),
)
PACKAGE = PriceTerms(
    model=PriceModel.PACKAGE, package_units=Decimal(100), package_amount=Decimal(3)
)


@pytest.mark.parametrize(
    ("price", "units", "amount"),
    [
        (PriceTerms(unit_amount=Decimal("0.0001")), "10000", "1"),
        (GRADUATED, "0", "0"),
        (GRADUATED, "10", "25"),
        (GRADUATED, "11", "33"),
        (PriceTerms(model=PriceModel.VOLUME, tiers=GRADUATED.tiers), "10", "25"),
        (PriceTerms(model=PriceModel.VOLUME, tiers=GRADUATED.tiers), "11", "18"),
        (PACKAGE, "100", "3"),
        (PACKAGE, "100.000000000001", "6"),
        (PriceTerms(model=PriceModel.PERCENTAGE, percent=Decimal("2.5")), "200", "5"),
    ],
)
def test_each_model_charges_as_it_says(price: PriceTerms, units: str, amount: str) -> None:
    assert rating.rate(price, Decimal(units)) == Decimal(amount)


def test_a_huge_count_loses_no_package() -> None:
    """A rounded quotient would call 10^15 and a bit exactly one package."""
    price = PriceTerms(
        model=PriceModel.PACKAGE, package_units=Decimal(10) ** 15, package_amount=Decimal(1)
    )
    units = Decimal("1000000000000000.000000000001")

    assert rating.rate(price, units) == 2
    assert in_sql("price_rate", price, units) == 2


def test_the_ceiling_of_a_package_counts_what_others_may_finish() -> None:
    def ceiling(used: int, pending: int) -> Decimal | None:
        return rating.ceiling(PACKAGE, Decimal(used), Decimal(pending), Decimal(20))

    assert (ceiling(50, 0), ceiling(50, 20), ceiling(50, 40), ceiling(50, 60)) == (0, 0, 3, 3)


def test_the_minimum_is_for_the_invoice() -> None:
    price = PriceTerms(unit_amount=Decimal(1), minimum=Decimal(5))

    assert (rating.rate(price, Decimal(2)), rating.due(price, Decimal(2))) == (2, 5)
    assert rating.due(price, Decimal(9)) == 9


@pytest.mark.parametrize("model", [PriceModel.VOLUME, PriceModel.PERCENTAGE])
def test_what_a_later_unit_may_change_is_not_charged_in_advance(model: PriceModel) -> None:
    price = PriceTerms(model=model, tiers=GRADUATED.tiers, percent=Decimal(1))

    assert rating.cost(price, Decimal(1), Decimal(1)) is None
    assert rating.ceiling(price, Decimal(1), Decimal(1), Decimal(1)) is None
    assert in_sql("price_cost", price, Decimal(1), Decimal(1)) is None
    assert in_sql("price_ceiling", price, Decimal(1), Decimal(1), Decimal(1)) is None
