"""Amounts, units, currencies and moments that cannot be, at every service and function of money.

The console's forms have theirs in tests/unit/console, what is charged without a hold in
test_usage_charge, batches of events in test_metering_ingest, prices in test_prices_add.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import (
    balance_grant,
    balance_grant_set,
    hold_capture,
    hold_capture_segment,
    hold_check,
    hold_extend,
    hold_quote,
    hold_refund,
    hold_take,
    limit_set,
)
from billing.prices.models import Price
from billing.prices.services import price_quote
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.services import discount_draw
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_promotions import add, redeem

D = Decimal
NEGATIVE, ZERO, NAN, HUGE = D(-1), D(0), D("NaN"), D(10) ** 30
NO_NUMBERS = (NEGATIVE, NAN, HUGE, D("sNaN"), D("Infinity"), D("1e-13"))
Call = Callable[[OrganizationRef, UUID, Any], object]

BOOKED = [
    model
    for label in ("ledger", "metering", "promotions")
    for model in apps.get_app_config(label).get_models()
]
"""Every table that a booking could touch."""


def rows() -> list[tuple[Any, ...]]:
    """All of them, whoever's; what is counted of them, and what was audited."""

    def content(model: type[models.Model]) -> tuple[Any, ...]:
        return (model._meta.label, *sorted(map(str, model._default_manager.values_list())))

    with system_scope("test"):
        return [content(model) for model in (*BOOKED, AuditEvent, Price)]


@pytest.fixture
def held(organization: OrganizationRef, other_organization: OrganizationRef) -> UUID:
    """An open hold of which a part is captured, in an account that has money."""
    with tenant_scope(organization):
        balance_grant(
            organization=organization, unit="JPY", amount=500, kind="purchased", source="paid"
        )
        hold = hold_take(
            organization=organization, unit="prediction", amount=50, key="k", ttl_seconds=60
        )
        hold_capture_segment(organization=organization, hold_id=hold.id, segment="first", amount=5)
    return hold.id


SERVICES: dict[str, Call] = {
    "balance_grant": lambda of, _, bad: balance_grant(
        organization=of, unit="prediction", amount=bad, kind="operator", source="x"
    ),
    "balance_grant of money": lambda of, _, bad: balance_grant(
        organization=of, unit="JPY", amount=bad, kind="purchased", source="x"
    ),
    "hold_take": lambda of, _, bad: hold_take(
        organization=of, unit="prediction", amount=bad, key="x", ttl_seconds=60
    ),
    "hold_quote": lambda of, _, bad: hold_quote(organization=of, unit="prediction", amount=bad),
    "hold_check": lambda of, _, bad: hold_check(organization=of, unit="prediction", amount=bad),
    "hold_refund": lambda of, hold, bad: hold_refund(
        organization=of, hold_id=hold, amount=bad, key="x", reason="x"
    ),
    "hold_capture_segment": lambda of, hold, bad: hold_capture_segment(
        organization=of, hold_id=hold, segment="x", amount=bad
    ),
}
OR_ZERO: dict[str, Call] = {
    "balance_grant_set": lambda of, _, bad: balance_grant_set(
        organization=of, unit="prediction", amount=bad
    ),
    "hold_capture": lambda of, hold, bad: hold_capture(
        organization=of, hold_id=hold, amount=bad, event_id="x"
    ),
    "hold_capture_segment so far": lambda of, hold, bad: hold_capture_segment(
        organization=of, hold_id=hold, segment="x", used_so_far=bad
    ),
    "hold_extend": lambda of, hold, bad: hold_extend(
        organization=of, hold_id=hold, ttl_seconds=60, amount=bad
    ),
    "limit_set": lambda of, _, bad: limit_set(
        organization=of, unit="prediction", window="month", amount=bad
    ),
    "most of hold_take": lambda of, _, bad: hold_take(
        organization=of, unit="prediction", amount=1, key="x", ttl_seconds=60, most=bad
    ),
    "most of hold_extend": lambda of, hold, bad: hold_extend(
        organization=of, hold_id=hold, ttl_seconds=60, amount=1, most=bad
    ),
    "most of hold_quote": lambda of, _, bad: hold_quote(
        organization=of, unit="prediction", amount=1, most=bad
    ),
}


def refusal(call: Callable[[], object]) -> DomainError:
    with pytest.raises(DomainError) as refused:
        call()
    assert refused.value.status < 500
    # A sentence that names the fix, and no number of a fault of ours.
    assert len(refused.value.text) > 20
    return refused.value


@pytest.mark.parametrize("bad", [*NO_NUMBERS, ZERO], ids=str)
@pytest.mark.parametrize("name", SERVICES)
def test_a_service_refuses_what_is_no_amount(
    organization: OrganizationRef, held: UUID, name: str, bad: Decimal
) -> None:
    _refused(organization, held, SERVICES[name], bad)


@pytest.mark.parametrize("bad", NO_NUMBERS, ids=str)
@pytest.mark.parametrize("name", OR_ZERO)
def test_a_service_that_takes_nothing_too_refuses_what_is_no_amount(
    organization: OrganizationRef, held: UUID, name: str, bad: Decimal
) -> None:
    _refused(organization, held, OR_ZERO[name], bad)


def _refused(organization: OrganizationRef, held: UUID, call: Call, bad: Decimal) -> None:
    before = rows()
    with tenant_scope(organization):
        assert refusal(lambda: call(organization, held, bad)).code == "amount_invalid"
    assert rows() == before


@pytest.mark.parametrize("unit", ["bananas", "ZZZ", "jpy", "", "prediction "])
def test_a_service_refuses_a_unit_that_nothing_counts(
    organization: OrganizationRef, held: UUID, unit: str
) -> None:
    before = rows()
    with tenant_scope(organization):
        for call in (
            lambda: balance_grant(
                organization=organization, unit=unit, amount=1, kind="operator", source="x"
            ),
            lambda: balance_grant_set(organization=organization, unit=unit, amount=1),
            lambda: limit_set(organization=organization, unit=unit, window="month", amount=1),
            lambda: hold_take(
                organization=organization, unit=unit, amount=1, key="x", ttl_seconds=60
            ),
            lambda: hold_capture(
                organization=organization, hold_id=held, amount=1, event_id="x", meter=unit
            ),
        ):
            assert refusal(call).code == "unit_unknown"
    assert rows() == before


def test_a_service_refuses_coins_that_a_currency_has_not(
    organization: OrganizationRef, held: UUID
) -> None:
    add(PromotionTerms(kind=PromotionKind.AMOUNT, amount=D(9), currency="JPY"), "MONEY-9", NOW)
    discount = redeem(organization, "MONEY-9", NOW).discount
    assert discount is not None
    before = rows()
    half = D("0.5")
    with tenant_scope(organization):
        for call in (
            lambda: balance_grant(
                organization=organization, unit="JPY", amount=half, kind="purchased", source="x"
            ),
            lambda: limit_set(organization=organization, unit="JPY", window="month", amount=half),
            lambda: discount_draw(
                organization=organization,
                discount_id=discount.id,
                key="x",
                amount=half,
                currency="JPY",
            ),
        ):
            assert refusal(call).code == "currency_decimals"
    assert rows() == before


@pytest.mark.parametrize(
    ("begins", "ends"),
    [(None, timedelta(0)), (None, timedelta(days=-1)), (timedelta(days=2), timedelta(days=2))],
)
def test_a_service_refuses_a_grant_that_is_over_before_it_begins(
    organization: OrganizationRef, held: UUID, begins: timedelta | None, ends: timedelta
) -> None:
    before, now = rows(), clock.now()
    with tenant_scope(organization), clock.frozen(now):
        told = refusal(
            lambda: balance_grant(
                organization=organization,
                unit="prediction",
                amount=5,
                kind="operator",
                source="x",
                effective_at=None if begins is None else now + begins,
                expires_at=now + ends,
            )
        )
    assert (told.code, told.param) == ("grant_invalid", "expires_at")
    assert rows() == before


@pytest.mark.parametrize("units", [NEGATIVE, NAN, HUGE, D("sNaN")], ids=str)
def test_a_quote_refuses_units_that_are_none(db: None, units: Decimal) -> None:
    assert refusal(lambda: price_quote(meter="prediction", units=units)).code == "units_invalid"


# Straight to the functions, as whoever forgets the services would.

Refusing = Callable[[Books], object]
CHECKED: dict[str, Refusing] = {
    "a unit nothing counts": lambda books: Books(
        books.connection, books.organization_id, "bananas"
    ).grant(5, source="x", now=NOW),
    "a grant that is over": lambda books: books.grant(5, source="x", now=NOW, expires_at=NOW),
    "a grant that ends as it begins": lambda books: books.grant(
        5,
        source="x",
        now=NOW,
        effective_at=NOW + timedelta(days=1),
        expires_at=NOW + timedelta(days=1),
    ),
    **{
        f"a grant of {bad}": lambda books, bad=bad: books.grant(bad, source="x", now=NOW)  # type: ignore[misc] # its default is the case
        for bad in (-1, 0, "NaN", "Infinity", "1e16")
    },
    **{
        f"a budget of {bad}": lambda books, bad=bad: books.limit(bad)  # type: ignore[misc] # as above
        for bad in (-1, "NaN", "1e16")
    },
}


@pytest.mark.parametrize("name", CHECKED)
def test_a_function_books_nothing_of_what_cannot_be(books: Books, name: str) -> None:
    books.grant(10, source="trial", now=NOW)
    before = _stored(books)

    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
        CHECKED[name](books)

    assert _stored(books) == before
    assert books.drift() == []


def test_a_grant_that_has_ended_since_is_given_no_second_time(books: Books) -> None:
    ends = NOW + timedelta(days=1)
    first = books.grant(5, source="x", now=NOW, expires_at=ends)

    assert books.grant(5, source="x", now=ends, expires_at=ends) == first
    assert books.drift() == []


@pytest.mark.parametrize("most", [-1, "NaN", "Infinity", 10**30, "1e-13"])
def test_a_hold_may_not_cost_what_is_no_amount(books: Books, most: Any) -> None:
    """Nothing is above NaN: it would have been no limit."""
    books.money().grant(10, source="paid", now=NOW)
    before = _stored(books)

    assert books.take(books.request(5, most=most), now=NOW) == [(False, "invalid")]

    assert _stored(books) == before


@pytest.mark.parametrize("so_far", [-1, "NaN", "Infinity", 10**30, "1e-13"])
def test_a_counter_that_is_none_charges_nothing(books: Books, so_far: Any) -> None:
    books.grant(10, source="trial", now=NOW)
    hold = books.request(5)
    books.take(hold, now=NOW)
    before = _stored(books)

    told = books.settle(books.settlement(hold, cumulative=so_far, event_id="e", keep=True), now=NOW)

    assert told[0][0] == "invalid"
    assert _stored(books) == before


@pytest.mark.parametrize("amount", [-1, "NaN", "Infinity", "1e30", "1e-13"])
def test_a_discount_is_drawn_off_no_amount_that_is_none(
    organization: OrganizationRef, amount: Any
) -> None:
    """Of NaN and what is left, the lesser is all that is left."""
    add(PromotionTerms(kind=PromotionKind.AMOUNT, amount=D(9), currency="USD"), "MONEY-9", NOW)
    discount = redeem(organization, "MONEY-9", NOW).discount
    assert discount is not None
    before = rows()

    with pytest.raises(IntegrityError, match="an amount is from 0"), tenant_scope(organization):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT * FROM discount_draw(%s, %s, 'x', %s::numeric, 'USD', %s)",
                [organization.id, discount.id, str(amount), NOW],
            )

    assert rows() == before


def test_a_second_price_from_the_same_moment_cannot_be_written(db: None) -> None:
    with system_scope("test"):
        one = Price.objects.filter(meter__code="prediction").latest("version")
        one.id, one.version = uuid7(), one.version + 1
        with pytest.raises(IntegrityError, match="prices_price_begins"), transaction.atomic():
            one.save(force_insert=True)


def _stored(books: Books) -> list[list[tuple[Any, ...]]]:
    tables = [model._meta.db_table for model in BOOKED if model.table_class == "tenant"]
    return [books.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # names of ours
