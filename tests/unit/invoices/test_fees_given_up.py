"""Fees that nobody pays: what is given back of them, and what is asked for again."""

from datetime import timedelta
from decimal import Decimal

import pytest

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import Invoice, InvoiceItem
from tests.unit.invoices.helpers import (
    BEGINS,
    FEBRUARY,
    D,
    credit,
    drifts,
    go,
    invoices,
    lines,
    pay,
    tick,
)
from tests.unit.invoices.test_dunning import dunned, give_up
from tests.unit.invoices.test_fees import cuts

pytestmark = pytest.mark.django_db

HALF = BEGINS + (FEBRUARY - BEGINS) / 2


@pytest.mark.parametrize(("paid", "back"), [(100, []), (950, []), (1400, [D("-4.5")])])
def test_of_a_fee_that_was_given_up_only_what_was_paid_beyond_its_use_is_given_back(
    organization: OrganizationRef, paid: int, back: list[Decimal]
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    (invoice,) = invoices(organization)
    pay(organization, invoice, paid)
    give_up(organization, invoice, BEGINS)

    go(organization, "pro", HALF)

    assert cuts(organization) == back
    assert drifts(organization) == []


def test_a_small_rest_that_no_card_could_pay_is_not_given_back(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    pay(organization, invoices(organization)[0], 1870)
    dunned(BEGINS + timedelta(days=8))
    assert invoices(organization)[0].payment_status == "uncollectible"

    go(organization, "pro", HALF)

    assert cuts(organization) == [D("-9.2")]
    assert drifts(organization) == []


def given_up_after_an_upgrade(organization: OrganizationRef, paid: int) -> Invoice:
    """A fee of 19 of which so many cents are paid, half of it given back, and then given up."""
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    (invoice,) = invoices(organization)
    pay(organization, invoice, paid)
    go(organization, "pro", HALF)
    tick(HALF)
    give_up(organization, invoice, HALF)
    return invoice


def again(organization: OrganizationRef) -> list[tuple[Decimal, bool]]:
    """What is asked for again of fees' rests, and whether that was dropped."""
    with tenant_scope(organization):
        rows = InvoiceItem.objects.filter(source__startswith="fee_unpaid:").order_by("id")
        return [(row.amount, row.dropped_at is not None) for row in rows]


@pytest.mark.parametrize(("paid", "asked"), [(100, D("9.5")), (1400, D("5"))])
def test_of_a_fee_that_is_given_up_the_rest_that_was_given_back_is_asked_for_again(
    organization: OrganizationRef, paid: int, asked: Decimal
) -> None:
    given_up_after_an_upgrade(organization, paid)

    assert again(organization) == [(asked, False)]
    tick(FEBRUARY)
    (line,) = (each for each in lines(organization, invoices(organization)[-1]) if each.amount < 10)
    assert (line.description, line.amount) == ("fee_unpaid", asked)
    assert drifts(organization) == []


def test_a_fee_that_is_paid_after_all_is_not_asked_for_again(
    organization: OrganizationRef,
) -> None:
    invoice = given_up_after_an_upgrade(organization, 100)

    pay(organization, invoice, 1800)

    assert again(organization) == [(D("9.5"), True)]
    assert drifts(organization) == []


def test_a_fee_that_is_credited_after_it_was_given_up_was_not_paid(
    organization: OrganizationRef,
) -> None:
    invoice = given_up_after_an_upgrade(organization, 100)

    credit(organization, invoice, 1800)

    assert again(organization) == [(D("9.5"), False)]
    assert drifts(organization) == []
