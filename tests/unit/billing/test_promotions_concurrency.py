"""R32 and its kin: codes redeemed by many connections at the same moment."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Grant
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.models import Discount, Promotion
from billing.promotions.services import discount_draw, promotion_add, promotion_redeem
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, in_scope, organization_of

NOW = datetime(2029, 6, 1, tzinfo=UTC)


@pytest.fixture
def committed(
    books: Books, django_db_setup: None, django_db_blocker: Any
) -> Iterator[OrganizationRef]:
    """An organization that every connection sees."""
    with django_db_blocker.unblock():
        yield organization_of(books)
        connection.close()


def add(**terms: Any) -> str:
    """Commit a code that no other test has."""

    def make(_: int) -> str:
        with clock.frozen(NOW), system_scope("test"):
            return promotion_add(
                actor=SYSTEM_ACTOR, code=f"RACE-{uuid4().hex[:12]}", terms=PromotionTerms(**terms)
            )

    (code,) = at_once(1, make)
    return str(code)


def redeem(organization: OrganizationRef, code: str) -> str:
    with clock.frozen(NOW), tenant_scope(organization):
        return promotion_redeem(
            organization=organization, actor=SYSTEM_ACTOR, code=code
        ).terms.kind.value


def redeemed(code: str) -> int:
    def read(_: int) -> int:
        with system_scope("test"):
            return int(Promotion.objects.get(code=code).redeemed)

    (count,) = at_once(1, read)
    return int(count)


def test_r32_one_organization_redeems_a_code_once(committed: OrganizationRef) -> None:
    code = add(kind=PromotionKind.UNITS, unit="prediction", units=Decimal(50))

    told = Counter(at_once(12, lambda _: redeem(committed, code)))

    assert told == {"units": 1, "promotion_redeemed": 11}
    assert redeemed(code) == 1
    assert in_scope(committed, lambda: [int(row.amount) for row in Grant.objects.all()]) == [50]


def test_r32_a_code_for_three_is_redeemed_three_times(
    committed: OrganizationRef, books: Books
) -> None:
    code = add(kind=PromotionKind.UNITS, unit="prediction", units=Decimal(50), max_redemptions=3)
    organizations = []
    for _ in range(10):
        one = Books(books.connection, uuid7())
        one.organization_add()
        organizations.append(organization_of(one))

    told = Counter(at_once(10, lambda number: redeem(organizations[number], code)))

    assert told == {"units": 3, "promotion_used_up": 7}
    assert redeemed(code) == 3


def test_two_codes_extend_one_trial_one_after_the_other(
    committed: OrganizationRef, books: Books
) -> None:
    """Each gives what is left; together they do not give it twice."""
    books.grant(100, source="trial", now=NOW, expires_at=datetime(2029, 6, 2, tzinfo=UTC))
    codes = [add(kind=PromotionKind.TRIAL, days=7) for _ in range(4)]

    at_once(4, lambda number: redeem(committed, codes[number]))

    assert books.balance()["available"] == 100
    assert books.drift() == []


def test_one_invoice_takes_a_discount_once_from_many_connections(
    committed: OrganizationRef,
) -> None:
    code = add(kind=PromotionKind.AMOUNT, amount=Decimal(10), currency="USD")
    at_once(1, lambda _: redeem(committed, code))
    discount_id = in_scope(committed, lambda: Discount.objects.get().id)

    def draw(number: int) -> Decimal:
        with clock.frozen(NOW), tenant_scope(committed):
            return discount_draw(
                organization=committed,
                discount_id=discount_id,
                key=f"inv-{number % 4}",
                amount=Decimal(4),
                currency="USD",
            )

    drawn = at_once(12, draw)

    by_invoice = {number: set(drawn[number::4]) for number in range(4)}
    assert all(len(amounts) == 1 for amounts in by_invoice.values())
    assert sorted(amount for (amount,) in by_invoice.values()) == [0, 2, 4, 4]
