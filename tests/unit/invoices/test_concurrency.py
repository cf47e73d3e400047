"""Ticks, payments and notes that meet, on connections of their own, over committed rows."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.contracts import InvoiceInfo
from billing.invoices.models import CreditNote, Invoice, InvoicePayment
from billing.invoices.rows import invoice_info
from billing.invoices.services import (
    credit_note_issue,
    invoice_draft,
    invoice_finalize,
    invoice_payment_apply,
    invoice_top_up,
    invoice_void,
    invoices_close,
)
from billing.ledger.models import Grant
from billing.ledger.selectors import balance_get
from billing.plans.services import subscription_change
from billing.plans.tasks import renew
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, in_scope, organization_of
from tests.unit.invoices.helpers import D, invoiced, keep_payments

BEGINS = datetime(2033, 1, 31, 12, tzinfo=UTC)
FEBRUARY = datetime(2033, 2, 28, tzinfo=UTC)


@pytest.fixture
def committed(
    books: Books, django_db_setup: None, django_db_blocker: Any
) -> Iterator[OrganizationRef]:
    """An organization that every connection sees; its subscriptions are over afterwards."""
    with django_db_blocker.unblock():
        yield organization_of(books)
        keep_payments()
        connection.close()
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "UPDATE plans_subscription SET ends_at = 'infinity' WHERE organization_id = %s",
            [books.organization_id],
        )
        books.connection.execute(
            "UPDATE invoices_invoiceschedule SET closes_at = 'infinity' WHERE organization_id = %s",
            [books.organization_id],
        )


def scoped(organization: OrganizationRef, at: datetime, call: Any, **values: Any) -> Any:
    with clock.frozen(at), tenant_scope(organization):
        return call(organization=organization, **values)


def one_invoice(organization: OrganizationRef, *amounts: str) -> InvoiceInfo:
    """Commit one invoice of these amounts."""
    made = at_once(1, lambda _: invoice_info(invoiced(organization, *amounts, at=BEGINS)))
    info: InvoiceInfo = made[0]
    return info


def totals(organization: OrganizationRef) -> list[int]:
    found: list[int] = in_scope(
        organization,
        lambda: list(Invoice.objects.order_by("id").values_list("total_minor", flat=True)),
    )
    return found


def test_r23_ticks_in_parallel_make_one_invoice(committed: OrganizationRef) -> None:
    start = partial(subscription_change, actor=SYSTEM_ACTOR, plan="starter", assigned=True)
    at_once(1, lambda _: scoped(committed, BEGINS, start))

    def tick(number: int) -> None:
        with clock.frozen(FEBRUARY if number else BEGINS):
            renew()
        scoped(committed, FEBRUARY if number else BEGINS, invoices_close)

    at_once(1, tick)
    at_once(8, lambda number: tick(number + 1))

    assert totals(committed) == [1900, 1900]


def test_r31_a_draft_becomes_final_or_void_once(committed: OrganizationRef) -> None:
    write = partial(
        invoice_draft,
        actor=SYSTEM_ACTOR,
        once=uuid7(),
        currency="USD",
        lines=[(D(50), "Consulting")],
    )
    (draft,) = at_once(1, lambda _: scoped(committed, BEGINS, write))
    calls = (invoice_finalize, invoice_void)

    told = at_once(
        10,
        lambda number: scoped(
            committed, BEGINS, calls[number % 2], actor=SYSTEM_ACTOR, invoice_id=draft.id
        ),
    )

    numbers = {one.number for one in told if not isinstance(one, str)}
    refused = Counter(one for one in told if isinstance(one, str))
    assert len(numbers) == 1
    assert refused == {"invoice_state": 5}
    assert in_scope(committed, Invoice.objects.count) == 1


def test_r18_notes_at_once_never_exceed_what_was_paid(committed: OrganizationRef) -> None:
    invoice = one_invoice(committed, "50")
    at_once(
        1,
        lambda _: scoped(
            committed,
            BEGINS,
            invoice_payment_apply,
            invoice_id=invoice.id,
            payment_id=uuid4(),
            amount_minor=5000,
        ),
    )

    told = at_once(
        8,
        lambda number: scoped(
            committed,
            BEGINS,
            credit_note_issue,
            actor=SYSTEM_ACTOR,
            invoice_id=invoice.id,
            key=f"note-{number}",
            reason="Wrong.",
            amount_minor=1500,
        ),
    )

    refused = [one for one in told if isinstance(one, str)]
    assert refused == ["credit_note_exceeded"] * 5
    notes = in_scope(
        committed, lambda: list(CreditNote.objects.values_list("returned_minor", flat=True))
    )
    assert notes == [1500, 1500, 1500]
    with clock.frozen(BEGINS):
        left = in_scope(committed, lambda: balance_get(organization=committed, unit="USD"))
    assert left.granted == 45


def test_r21_one_payment_told_of_by_many_is_booked_once(committed: OrganizationRef) -> None:
    invoice, payment_id = one_invoice(committed, "50"), uuid4()

    told = at_once(
        8,
        lambda _: scoped(
            committed,
            BEGINS,
            invoice_payment_apply,
            invoice_id=invoice.id,
            payment_id=payment_id,
            amount_minor=6000,
        ),
    )

    assert {one.paid_minor for one in told} == {5000}
    assert in_scope(committed, InvoicePayment.objects.count) == 1
    assert in_scope(committed, Grant.objects.filter(unit="USD").count) == 1


def test_r21_a_top_up_told_of_by_many_is_given_once(committed: OrganizationRef) -> None:
    payment_id = uuid4()

    told = at_once(
        8,
        lambda _: scoped(
            committed,
            BEGINS,
            invoice_top_up,
            payment_id=payment_id,
            amount_minor=2500,
            currency="USD",
        ),
    )

    assert len({one.invoice.number for one in told}) == 1
    assert totals(committed) == [2500]


def test_numbers_of_many_organizations_at_once_have_no_gap(
    committed: OrganizationRef, books: Books
) -> None:
    organizations = []
    for _ in range(6):
        one = Books(books.connection, uuid7())
        one.organization_add()
        organizations.append(organization_of(one))
    at = datetime(2077, 3, 1, tzinfo=UTC)

    told = at_once(
        12,
        lambda number: scoped(
            organizations[number % 6],
            at + timedelta(hours=number),
            invoice_top_up,
            payment_id=uuid4(),
            amount_minor=2500 + 10**16 * (number % 4 == 3),
            currency="USD",
        ),
    )

    made = [one for one in told if not isinstance(one, str)]
    numbers = sorted(int(one.invoice.number.rsplit("-", 1)[1]) for one in made)
    assert numbers == list(range(1, 10))
