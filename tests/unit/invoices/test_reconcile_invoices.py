"""Reconcile goes on to invoices: what a hand changed there is found, and nothing else is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ReturnBy
from billing.promotions.contracts import PromotionKind, PromotionTerms
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.billing.test_reconcile import reconciled
from tests.unit.billing.test_reconcile_tampered import Tamper, _door, tamper
from tests.unit.factories import make_organization
from tests.unit.invoices.helpers import (
    BEGINS,
    FEBRUARY,
    MARCH,
    D,
    add_credit_plan,
    add_plan,
    add_tax,
    credit,
    go,
    invoices,
    pay,
    set_profile,
    tick,
    top_up,
    use,
)
from tests.unit.worlds import TwoLives, organization, other_organization, world

__all__ = ["_door", "organization", "other_organization", "tamper"]  # fixtures of others

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def _two_lives(_door: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[TwoLives]:
    """Two organizations that use, pay, change plans and get money back."""
    with world(django_db_blocker):
        both = make_organization("acme"), make_organization("rival")
        _live(*both)
        yield both


def _live(*organizations: OrganizationRef) -> None:
    add_credit_plan()
    add_plan("dearer", fee=D(77))
    add_tax("19")
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=2), "TENTH-OFF", BEGINS)
    for one in organizations:
        set_profile(one)
        redeem(one, "TENTH-OFF", BEGINS)
        go(one, "later", BEGINS)
        use(one, 123_456, BEGINS)
        tick(BEGINS)
        go(one, "dearer", BEGINS + timedelta(days=9, seconds=7))
        tick(FEBRUARY)
        tick(MARCH)
        top_up(one, 2500)
        for invoice in invoices(one)[:2]:
            pay(one, invoice, at=MARCH)
            credit(one, invoice, 333, at=MARCH, return_by=ReturnBy.OUTSIDE)


CASES: list[tuple[str, str, set[str]]] = [
    (
        "invoices_invoice",
        "UPDATE invoices_invoice SET subtotal_minor = subtotal_minor + 1,"
        " total_minor = total_minor + 1 WHERE kind = 'subscription' AND {of}",
        {"invoices.subtotal"},
    ),
    (
        "invoices_invoice",
        "UPDATE invoices_invoice SET paid_minor = paid_minor - 1"
        " WHERE paid_minor > returned_minor AND {of}",
        {"invoices.paid", "payments.invoice"},
    ),
    (
        "invoices_invoice",
        "UPDATE invoices_invoice SET credited_minor = credited_minor - 1,"
        " returned_minor = returned_minor - 1 WHERE returned_minor > 0 AND {of}",
        {"invoices.credited", "invoices.returned"},
    ),
    (
        "invoices_invoiceline",
        "UPDATE invoices_invoiceline SET amount_minor = amount_minor + 1 WHERE {of}",
        {"invoices.subtotal"},
    ),
    (
        "invoices_invoiceline",
        "UPDATE invoices_invoiceline SET tax_minor = tax_minor + 1 WHERE {of}",
        {"invoices.tax_shares"},
    ),
    (
        "invoices_invoicetax",
        "UPDATE invoices_invoicetax SET amount_minor = amount_minor + 1 WHERE {of}",
        {"invoices.tax"},
    ),
    (
        "invoices_invoicepayment",
        "UPDATE invoices_invoicepayment SET amount_minor = amount_minor + 1 WHERE {of}",
        {"invoices.paid", "payments.applied"},
    ),
    (
        "invoices_creditnoteline",
        "UPDATE invoices_creditnoteline SET amount_minor = amount_minor + 1 WHERE {of}",
        {"credit_notes.total"},
    ),
    (
        "invoices_creditnoteline",
        "UPDATE invoices_creditnoteline SET amount_minor = amount_minor + 99999 WHERE {of}",
        {"credit_notes.total", "credit_notes.line"},
    ),
    (
        "invoices_invoiceitem",
        "UPDATE invoices_invoiceitem SET amount = amount + 1 WHERE kind = 'usage' AND {of}",
        {"invoices.items", "invoices.usage", "invoices.usage_rest"},
    ),
    (
        "invoices_invoiceitem",
        "UPDATE invoices_invoiceitem SET amount = amount + 1 WHERE kind = 'fee' AND {of}",
        {"invoices.items", "invoices.fee"},
    ),
    (
        "invoices_invoiceitem",
        "UPDATE invoices_invoiceitem SET invoice_id = NULL WHERE kind = 'fee' AND {of}",
        {"invoices.items"},
    ),
    (
        "invoices_invoiceline",
        "UPDATE invoices_invoiceline SET amount = amount - 1 WHERE kind = 'discount' AND {of}",
        {"invoices.discounts"},
    ),
    (
        "invoices_invoiceitem",
        "UPDATE invoices_invoiceitem SET source = 'payment:gone' WHERE kind = 'top_up' AND {of}",
        {"invoices.top_up"},
    ),
    (
        "invoices_invoiceschedule",
        """UPDATE invoices_invoiceschedule SET usage_rest = '[[null, "x", "USD", "1", "0"]]'"""
        " WHERE {of}",
        {"invoices.usage_rest"},
    ),
    (
        "invoices_invoice",
        "UPDATE invoices_invoice SET sequence = sequence + 100 WHERE kind = 'top_up' AND {of}",
        {"invoices.numbers"},
    ),
]


def test_nothing_differs_before_anybody_tampers(organization: OrganizationRef) -> None:
    assert reconciled() == (0, [{"drift": 0, "parked": []}])


@pytest.mark.parametrize(("table", "statement", "checks"), CASES)
def test_a_hand_in_the_invoices_is_found(
    organization: OrganizationRef,
    tamper: Tamper,
    table: str,
    statement: str,
    checks: set[str],
) -> None:
    assert tamper(table, statement.format(of=f"organization_id = '{organization.id}'"))

    status, lines = reconciled()
    found: list[dict[str, Any]] = lines[:-1]

    assert status == 1
    assert {line["check"] for line in found} == checks
    assert {line["organization"] for line in found} <= {str(organization.id), "installation"}
