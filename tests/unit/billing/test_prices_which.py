"""Which price rules: one, always, and the same however the question is put."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.prices.contracts import PriceTerms
from billing.prices.currency import exponent, minor_units
from billing.prices.errors import CurrencyUnknown, MeterUnknown
from billing.prices.models import Price
from billing.prices.selectors import price_for, prices_current
from billing.prices.services import price_add, price_quote

pytestmark = pytest.mark.django_db

SOON = datetime(2030, 1, 1, tzinfo=UTC)


def add(amount: str, match: dict[str, str], *, at: datetime = SOON, **more: Any) -> UUID:
    return price_add(
        actor=SYSTEM_ACTOR,
        meter="prediction",
        terms=PriceTerms(unit_amount=Decimal(amount)),
        match=match,
        effective_at=at,
        **more,
    ).id


def fits(match: dict[str, str], usage: dict[str, str]) -> bool:
    return all(usage.get(name) == value for name, value in match.items())


def test_r28_every_usage_lands_in_exactly_one_price(organization: OrganizationRef) -> None:
    values = {"task": ("a", "b"), "tier": ("head", "lora"), "channel": ("online", "batch")}
    choices = [
        {name: value for name, value in zip(values, chosen, strict=True) if value}
        for chosen in product(*((None, *one) for one in values.values()))
    ]
    with system_scope("test"):
        made = {add(str(number + 1), match): match for number, match in enumerate(choices)}

    with tenant_scope(organization):
        for usage in choices:
            ruling = price_for(
                organization=organization, meter="prediction", dims=usage, at=SOON
            ).id
            asked = [match for match in made.values() if fits(match, usage)]
            most = max(asked, key=lambda match: (len(match), [name in match for name in values]))
            assert made[ruling] == most


def test_a_plans_price_is_not_the_lists(organization: OrganizationRef) -> None:
    with system_scope("test"):
        add("0.5", {"task": "a"}, plan="gold")

    with tenant_scope(organization):
        found = price_for(
            organization=organization, meter="prediction", dims={"task": "a"}, at=SOON
        )

    assert (found.plan, found.unit_amount) == ("", Decimal("0.0001"))
    assert "gold" not in {price.plan for price in prices_current()}


def test_a_price_rules_from_its_moment_on(organization: OrganizationRef) -> None:
    with system_scope("test"):
        add("7", {})

    with tenant_scope(organization):
        amounts = [
            price_for(organization=organization, meter="prediction", at=at).unit_amount
            for at in (SOON - timedelta(microseconds=1), SOON)
        ]

    assert amounts == [Decimal("0.0001"), Decimal(7)]


def test_a_batch_is_cheaper(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        quotes = [
            price_quote(
                meter="prediction",
                units=1_000,
                organization=organization,
                dims={"channel": channel, "task": "text_classification"},
            ).amount
            for channel in ("online", "batch")
        ]

    assert quotes == [Decimal("0.1"), Decimal("0.05")]


def test_no_price_is_a_null_row(organization: OrganizationRef) -> None:
    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute(
            "SELECT price_for(%s, 'prediction', 'EUR', '{}', now()) IS NULL", [organization.id]
        )
        assert cursor.fetchone() == (True,)
        with pytest.raises(MeterUnknown):
            price_for(organization=organization, meter="prediction", currency="EUR")


def test_the_systems_role_may_not_change_a_price_either(db: None) -> None:
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege('anneal_system', 'prices_price', 'UPDATE'),"
            " has_table_privilege('anneal_system', 'prices_price', 'DELETE')"
        )
        assert cursor.fetchone() == (False, False)


@pytest.mark.parametrize(
    ("amount", "code", "coins"),
    [
        ("1.005", "USD", 101),
        ("1.0049", "USD", 100),
        ("1.5", "JPY", 2),
        ("1.4", "JPY", 1),
        ("1.0005", "KWD", 1001),
        ("1.0004", "KWD", 1000),
        ("999999999999999.995", "EUR", 100_000_000_000_000_000),
    ],
)
def test_r19_coins_follow_the_currency(amount: str, code: str, coins: int) -> None:
    assert minor_units(Decimal(amount), code) == coins


def test_a_currency_has_its_decimals_or_is_refused() -> None:
    assert [exponent(code) for code in ("JPY", "USD", "CNY", "KWD")] == [0, 2, 2, 3]
    for code in ("usd", "XXX", "", "US"):
        with pytest.raises(CurrencyUnknown):
            exponent(code)


def test_the_list_is_read_in_one_query(db: None, django_assert_num_queries: Any) -> None:
    before = Price.objects.count()
    with system_scope("test"):
        add("3", {"channel": "online"})
    with django_assert_num_queries(1):
        prices_current()
    assert Price.objects.count() == before + 1


def test_the_period_of_a_month_is_the_calendars(organization: OrganizationRef) -> None:
    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute(
            "SELECT lower(p), upper(p) FROM billing_period(%s, %s) p",
            [organization.id, datetime(2028, 2, 29, 23, 59, tzinfo=UTC)],
        )
        assert cursor.fetchone() == (
            datetime(2028, 2, 1, tzinfo=UTC),
            datetime(2028, 3, 1, tzinfo=UTC),
        )
