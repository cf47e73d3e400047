"""Refunds that meet, on connections of their own, over committed rows."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import CreditNote
from billing.payments.contracts import IntentStatus, ProviderIntent
from billing.payments.models import PaymentAttempt, Refund
from billing.payments.services.refunding import payment_refund
from billing.payments.services.settling import intent_settle
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import books
from tests.unit.billing.threads import at_once, in_scope, organization_of
from tests.unit.invoices.helpers import invoiced

__all__ = ["books"]  # a fixture of the ledger's tests


@pytest.fixture
def committed(
    books: Books, django_db_setup: None, django_db_blocker: Any
) -> Iterator[OrganizationRef]:
    """An organization that every connection sees."""
    with django_db_blocker.unblock():
        yield organization_of(books)
        connection.close()


def collected(organization: OrganizationRef) -> PaymentAttempt:
    """Commit an invoice of fifty dollars, paid by one payment."""
    (invoice,) = at_once(1, lambda _: invoiced(organization, "50", at=clock.now()))
    attempt = PaymentAttempt(
        organization_id=organization.id,
        invoice_id=invoice.id,
        amount_minor=5000,
        currency="USD",
        key=f"invoice:{invoice.id}:1",
        asked_at=clock.now(),
    )

    def settle() -> None:
        attempt.save(force_insert=True)
        intent = ProviderIntent(
            ref=f"pi_{attempt.id.hex}",
            status=IntentStatus.SUCCEEDED,
            amount_minor=5000,
            currency="USD",
            customer="cus_1",
            attempt_id=attempt.id,
        )
        intent_settle(organization=organization, intent=intent)

    in_scope(organization, settle)
    return attempt


def refunds_at_once(
    organization: OrganizationRef, attempt: PaymentAttempt, keys: list[str]
) -> list[Any]:
    def ask(number: int) -> Any:
        with tenant_scope(organization):
            return payment_refund(
                organization=organization,
                actor=SYSTEM_ACTOR,
                attempt_id=attempt.id,
                key=keys[number],
                amount_minor=2000,
                reason="They asked.",
            )

    return at_once(len(keys), ask)


def test_a_refund_asked_for_many_times_at_once_is_one(committed: OrganizationRef) -> None:
    attempt = collected(committed)

    told = refunds_at_once(committed, attempt, [str(uuid7())] * 8)

    assert len({note.number for note in told}) == 1
    assert in_scope(committed, CreditNote.objects.count) == 1
    amounts = in_scope(
        committed, lambda: list(Refund.objects.values_list("amount_minor", flat=True))
    )
    assert amounts == [2000]


def test_refunds_at_once_never_exceed_the_payment(committed: OrganizationRef) -> None:
    attempt = collected(committed)

    told = refunds_at_once(committed, attempt, [str(uuid7()) for _ in range(8)])

    refused = [one for one in told if isinstance(one, str)]
    assert refused == ["credit_note_exceeded"] * 6
    assert in_scope(committed, Refund.objects.count) == 2
