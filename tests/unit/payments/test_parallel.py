"""Webhooks, ladders, buttons and schedulers that meet, each on a connection of its own."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Invoice
from billing.invoices.services import credit_note_issue
from billing.payments.contracts import EventState, Purpose
from billing.payments.models import AutoTopUp, PaymentAttempt, ProviderEventRow, Refund
from billing.payments.provider.stripe import stripe_provider
from billing.payments.services.attempts import attempt_again, invoice_collect
from billing.payments.services.auto_top_up import auto_top_up_look
from billing.payments.services.checkout import CheckoutWanted, checkout_open
from billing.payments.services.processing import event_process
from billing.payments.services.returning import refund_ask
from tests.stripe_fake import StripeFake
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, organization_of
from tests.unit.conftest import DatabaseClone
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.shop import Shop
from tests.unit.payments.test_auto_top_up import wanted

COPIES = 50


@pytest.fixture
def seed() -> int:
    """Customers stay in the database: none may have another's name at Stripe."""
    return uuid4().int


@pytest.fixture
def shop(
    books: Books,
    fake: StripeFake,
    database_clone: DatabaseClone,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Shop]:
    """A customer that every connection sees; what others would look at is over afterwards."""
    fake.service.checks_answers = False  # other tests check these answers
    with django_db_blocker.unblock():
        made = Shop(organization_of(books), fake)
        yield made
        with tenant_scope(made.organization):
            AutoTopUp.objects.update(enabled=False)
            assert not PaymentAttempt.objects.filter(state="open").exists()
        connection.close()
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "UPDATE invoices_invoiceschedule SET closes_at = 'infinity' WHERE organization_id = %s",
            [books.organization_id],
        )
    with psycopg.connect(database_clone.owner_url, autocommit=True) as owner:
        owner.execute("TRUNCATE payments_providereventrow, kernel_outboxmessage")


def together(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Make calls at once, each with connections of its own to Postgres and to Stripe."""

    def work(number: int) -> Any:
        try:
            return call(number)
        finally:
            stripe_provider().close()

    return at_once(count, work)


def heard(shop: Shop, event: dict[str, Any]) -> int:
    """Hear of an event and act on it at once, as a worker does."""
    status = shop.tell(event)
    event_process(event["id"])
    return status


def due(shop: Shop, amount: str) -> Invoice:
    """An invoice to be paid."""
    return invoiced(shop.organization, amount, at=clock.now())


def later(shop: Shop) -> None:
    """What failed in a race is done when its time has come."""
    with clock.frozen(clock.now() + timedelta(hours=1)):
        shop.act()


def refused(results: list[Any]) -> set[str]:
    return {each for each in results if isinstance(each, str)}


def test_r38_the_same_event_fifty_times_at_once_has_one_effect(shop: Shop) -> None:
    shop.complete(shop.open(purpose="top_up", amount="50"))
    event = next(e for e in shop.fake.all("event") if e["type"] == "payment_intent.succeeded")

    told = together(COPIES, lambda _: heard(shop, event))
    shop.hear()

    assert told == [200] * COPIES
    assert shop.credit() == Decimal(50)
    assert [each.amount_minor for each in shop.payments()] == [5000]
    with system_scope("test"):
        assert ProviderEventRow.objects.filter(ref=event["id"]).count() == 1


def test_r33_many_events_of_one_customer_at_once_lose_nothing(shop: Shop) -> None:
    for amount in ("10", "20", "30", "40", "50", "60"):
        shop.complete(shop.open(purpose="top_up", amount=amount))
    for card in ("pm_card_visa", "pm_card_mastercard"):
        shop.complete(shop.open(purpose="payment_method"), card)
    events = shop.fake.all("event")[-COPIES:]

    told = together(len(events), lambda number: heard(shop, events[number]))
    shop.hear()
    later(shop)

    assert told == [200] * len(events)
    assert shop.credit() == Decimal(210)
    assert len(shop.api.get("/v1/billing/payment_methods").json()["data"]) == 2
    assert shop.states() == {EventState.DONE}


def test_r33_an_event_that_postgres_ends_in_a_ring_of_locks_is_acted_on_again(
    shop: Shop, database_clone: DatabaseClone
) -> None:
    shop.complete(shop.open(purpose="top_up", amount="50"))
    event = next(e for e in shop.fake.all("event") if e["type"] == "payment_intent.succeeded")
    shop.tell(event)

    with psycopg.connect(database_clone.app_url) as other:
        other.execute("SET LOCAL ROLE anneal_system")
        other.execute(
            "SELECT FROM ledger_customeraccount WHERE organization_id = %s FOR UPDATE",
            [shop.organization.id],
        )

        def meet(number: int) -> Any:
            if number:
                return event_process(event["id"])
            _wait_for_a_lock(database_clone)
            # Whoever has waited longer looks for a ring first, and is the one that is ended.
            other.execute(
                "UPDATE payments_providereventrow SET tries = tries WHERE ref = %s", [event["id"]]
            )
            return other.rollback()

        assert together(2, meet) == [None, False]
    with system_scope("test"):
        assert "deadlock detected" in ProviderEventRow.objects.get(ref=event["id"]).error

    later(shop)
    shop.hear()

    assert shop.credit() == Decimal(50)
    assert shop.states() == {EventState.DONE}


def _wait_for_a_lock(clone: DatabaseClone) -> None:
    with psycopg.connect(clone.app_url, autocommit=True) as link:
        until = time.monotonic() + 30
        # Other databases of this server have tests of their own.
        waiting = (
            "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE NOT l.granted AND a.datname = current_database()"
        )
        while link.execute(waiting).fetchone() is None:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_r20_ladders_buttons_and_pages_collect_an_invoice_once(shop: Shop) -> None:
    shop.save_card()
    invoice = due(shop, "40")
    page = CheckoutWanted(purpose=Purpose.INVOICE, return_path="/o", invoice_id=invoice.id)

    def collect(number: int) -> Any:
        if number % 3:
            return invoice_collect(
                organization=shop.organization, invoice_id=invoice.id, automatic=number % 2 == 0
            ).state.value
        return checkout_open(
            organization=shop.organization, actor=SYSTEM_ACTOR, wanted=page, key=f"page-{number}"
        ).state.value

    told = together(9, collect)
    again = together(1, lambda _: collect(1))
    shop.hear()

    assert refused(told + again) <= {
        "open",
        "expired",  # a page that another way to pay closed before its caller was told
        "succeeded",
        "payment_open",
        "invoice_paid_already",
        "payment_provider_unavailable",
    }
    assert shop.collected() == 4000
    assert shop.invoice(invoice).payment_status == "paid"


def test_r21_an_answer_and_its_event_at_once_book_a_payment_once(shop: Shop) -> None:
    shop.save_card()
    invoice = due(shop, "40")
    shop.fake.faults.add("cut_after", method="POST", path="/v1/payment_intents", times=2)
    together(
        1,
        lambda _: invoice_collect(
            organization=shop.organization, invoice_id=invoice.id, automatic=True
        ),
    )
    (attempt,) = shop.attempts()
    event = next(e for e in shop.fake.all("event") if e["type"] == "payment_intent.succeeded")

    def settle(number: int) -> Any:
        if number % 2:
            return heard(shop, event)
        return attempt_again(organization=shop.organization, attempt_id=attempt.id)

    together(10, settle)
    shop.hear()
    later(shop)

    assert [each.amount_minor for each in shop.payments()] == [4000]
    assert (shop.collected(), shop.invoice(invoice).paid_minor) == (4000, 4000)


def test_r18_notes_and_refunds_at_once_send_back_no_more_than_came(shop: Shop) -> None:
    shop.save_card()
    invoice = due(shop, "20")
    together(
        1,
        lambda _: invoice_collect(
            organization=shop.organization, invoice_id=invoice.id, automatic=True
        ),
    )

    def note(number: int) -> Any:
        with tenant_scope(shop.organization):
            return credit_note_issue(
                organization=shop.organization,
                actor=SYSTEM_ACTOR,
                invoice_id=invoice.id,
                amount_minor=800,
                key=f"note-{number}",
                reason="It was wrong.",
                return_by=ReturnBy.REFUND,
            ).number

    together(6, note)
    with tenant_scope(shop.organization):
        refunds = list(Refund.objects.values_list("id", flat=True))
    together(
        8,
        lambda number: refund_ask(
            organization=shop.organization, refund_id=refunds[number % len(refunds)]
        ),
    )
    shop.hear()

    assert [each["amount"] for each in shop.fake.all("refund")] == [800, 800]
    (payment,) = shop.payments()
    assert payment.refunded_minor == 1600


def test_r30_schedulers_at_once_close_a_gap_once(shop: Shop) -> None:
    shop.save_card()
    wanted(shop)

    for _ in range(2):
        together(8, lambda _: auto_top_up_look(organization=shop.organization))
    shop.hear()

    assert shop.collected() == 12_000
    assert shop.credit() == Decimal(120)


def test_r17_one_key_at_once_is_one_page(shop: Shop) -> None:
    page = CheckoutWanted(purpose=Purpose.TOP_UP, return_path="/o", amount=Decimal(50))

    told = together(
        6,
        lambda _: public_id(
            "cs_",
            checkout_open(
                organization=shop.organization, actor=SYSTEM_ACTOR, wanted=page, key="once"
            ).id,
        ),
    )
    shop.complete({"id": told[0]})
    shop.hear()

    assert len(shop.fake.all("checkout.session")) == 1
    assert shop.credit() == Decimal(50)
