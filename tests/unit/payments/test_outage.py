"""Stripe is away for two hours: what is sold and used goes on, and what waits is done once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from anneal.kernel import clock
from anneal.kernel.errors import QuotaExhausted
from anneal.kernel.scopes import tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Dunning, Invoice
from billing.ledger.reconcile import reconcile
from billing.ledger.selectors import account_get
from billing.ledger.services import hold_capture, hold_extend, hold_take
from billing.payments import tasks
from billing.payments.models import Refund
from billing.payments.services.attempts import invoice_collect
from tests.stripe_fake import StripeFake
from tests.unit.invoices.helpers import credit, invoiced, use
from tests.unit.payments.metered import EVENT, counted, make_meter, now_at, rows, turn
from tests.unit.payments.shop import Shop
from tests.unit.payments.test_auto_top_up import wanted

pytestmark = pytest.mark.django_db

WORK = (tasks.events, tasks.sweep, tasks.retry, tasks.auto_top_up)


@contextmanager
def away(fake: StripeFake) -> Iterator[None]:
    """Every call fails: with an error that is repeated under its key, a limit, or no answer."""
    fake.faults.add("error_before", method="POST", path="/v1/payment_intents", times=3)
    fake.faults.add("rate_limit", path="/v1/billing/.*")
    fake.faults.add("cut_before", times=1_000_000)
    yield
    fake.faults.clear()


def work(shop: Shop, **by: float) -> None:
    """Let time pass, and every scheduled task run."""
    turn(shop.fake, **by)
    with now_at(shop.fake):
        for task in WORK:
            task()


def bought(shop: Shop, amount: str, key: str = "") -> None:
    shop.complete(shop.open(purpose="top_up", amount=amount, key=key))


def paid_and_half_refunded(shop: Shop) -> Invoice:
    """An invoice that was paid, and whose refund is to be sent."""
    made = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=made.id, automatic=True)
    credit(shop.organization, shop.invoice(made), 500, return_by=ReturnBy.REFUND, at=clock.now())
    return made


def take(shop: Shop, amount: int, key: str) -> Any:
    with tenant_scope(shop.organization):
        return hold_take(
            organization=shop.organization,
            unit="prediction",
            amount=amount,
            key=key,
            ttl_seconds=600,
        )


@pytest.fixture
def running(shop: Shop, card: str, settings: Any) -> Any:
    """A customer in the middle of everything, and a hold of what runs."""
    settings.ANNEAL_STRIPE_METERS = {"prediction": EVENT}
    make_meter(shop.fake)
    turn(shop.fake)
    shop.fake.advance(hours=1)
    bought(shop, "50")
    shop.hear()
    wanted(shop)
    return take(shop, 10, "running")


def test_b8_while_stripe_is_away_two_hours_all_goes_on_and_then_all_is_done_once(
    shop: Shop, running: Any
) -> None:
    with now_at(shop.fake):
        first = paid_and_half_refunded(shop)
    bought(shop, "30")

    with away(shop.fake):
        shop.hear()
        with now_at(shop.fake):
            second = invoiced(shop.organization, "25", at=clock.now())
            tasks.collect(str(shop.organization.id), shop.organization.slug, str(second.id))
        shop.open(purpose="top_up", amount="40", key="asked", status=503)
        for _ in range(4):
            use(shop.organization, 5, shop.fake.clock.now)
            work(shop, minutes=30)
        _goes_on(shop, running)
        assert shop.invoice(second).payment_status == "open"
    bought(shop, "40", key="asked")
    for _ in range(5):
        work(shop, minutes=15)
    shop.hear(copies=2)
    turn(shop.fake, hours=2)

    assert {shop.invoice(each).payment_status for each in (first, second)} == {"paid"}
    assert _booked(shop) == _collected(shop) == [2000, 2500, 3000, 4000, 5000, 6000]
    assert [each["amount"] for each in shop.fake.all("refund")] == [500]
    assert _nobody_is_suspended(shop)
    assert shop.states() == {"done"}
    assert counted(shop.fake, shop.organization) == 4 * 5 + 12
    assert {row.state for row in rows(shop.organization)} == {"sent"}
    with now_at(shop.fake):
        assert reconcile(organization=shop.organization).drifts == ()


def test_b8_a_failure_that_stripe_keeps_under_a_charges_key_does_not_last_as_long_as_it_is_kept(
    shop: Shop, card: str
) -> None:
    made = invoiced(shop.organization, "20", at=clock.now())
    shop.fake.faults.add("error_after", method="POST", path="/v1/payment_intents")

    invoice_collect(organization=shop.organization, invoice_id=made.id, automatic=True)

    assert shop.collected() == 2000
    assert shop.invoice(made).payment_status == "paid"


def test_b8_a_refund_whose_answer_was_lost_is_sent_once_although_days_pass(
    shop: Shop, card: str
) -> None:
    paid_and_half_refunded(shop)
    shop.fake.faults.add("cut_after", method="POST", path="/v1/refunds", times=2)
    tasks.retry()
    assert len(shop.fake.all("refund")) == 1
    shop.fake.advance(days=2)

    with now_at(shop.fake):
        tasks.retry()

    assert [each["amount"] for each in shop.fake.all("refund")] == [500]
    with tenant_scope(shop.organization):
        assert Refund.objects.get().state == "succeeded"


def _goes_on(shop: Shop, running: Any) -> None:
    """What runs is extended and counted, and who has nothing left is refused as on every day."""
    with now_at(shop.fake), tenant_scope(shop.organization):
        hold_extend(organization=shop.organization, hold_id=running.id, amount=2, ttl_seconds=600)
        hold_capture(
            organization=shop.organization, hold_id=running.id, amount=12, event_id="running"
        )
    with pytest.raises(QuotaExhausted):
        take(shop, 10_000_000, "beyond")


def _booked(shop: Shop) -> list[int]:
    return sorted(each.amount_minor for each in shop.payments())


def _collected(shop: Shop) -> list[int]:
    intents = shop.fake.all("payment_intent")
    return sorted(each["amount_received"] for each in intents if each["status"] == "succeeded")


def _nobody_is_suspended(shop: Shop) -> bool:
    with tenant_scope(shop.organization):
        parked = account_get(organization=shop.organization).parked_reason
        return not parked and not Dunning.objects.exists()
