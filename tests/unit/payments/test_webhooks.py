"""What Stripe tells: signed, copied, late, in any order, and interrupted."""

import json
import time
from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from anneal.kernel import clock
from anneal.kernel.events import Event, InvoiceFinalized, InvoicePaid, _handlers, subscribe
from anneal.kernel.scopes import system_scope
from billing.payments import tasks
from billing.payments.models import ProviderEventRow
from tests.stripe_fake.official import official_client
from tests.unit.payments.metered import Killed
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

PAID = "checkout.session.completed"


def bought(shop: Shop) -> None:
    """Pay for credit of fifty dollars; nobody has told us yet."""
    shop.complete(shop.open(purpose="top_up", amount="50"))


def kept() -> int:
    with system_scope("test"):
        return int(ProviderEventRow.objects.count())


def test_credit_is_given_when_its_payment_is_told(shop: Shop) -> None:
    bought(shop)
    assert shop.credit() == 0

    shop.hear()

    assert shop.credit() == Decimal(50)
    assert [row.amount_minor for row in shop.payments()] == [5000]
    assert shop.states() == {"done"}


def test_r38_an_event_told_fifty_times_counts_once(shop: Shop) -> None:
    bought(shop)
    (paid,) = [one for one in shop.fake.all("event") if one["type"] == PAID]

    assert {shop.tell(paid) for _ in range(25)} == {200}
    shop.hear()
    assert {shop.tell(paid) for _ in range(24)} == {200}
    shop.act()

    assert shop.credit() == Decimal(50)
    assert kept() == len(shop.fake.all("event"))


@pytest.mark.parametrize(
    "order", [*range(4), *(pytest.param(order, marks=pytest.mark.slow) for order in range(4, 8))]
)
def test_r39_b4_every_order_ends_in_one_state(shop: Shop, order: int) -> None:
    shop.complete(shop.open(purpose="payment_method"))
    bought(shop)

    shop.hear(order=order, copies=2)

    assert shop.credit() == Decimal(50)
    methods = shop.api.get("/v1/billing/payment_methods").json()["data"]
    assert [(one["last4"], one["is_default"]) for one in methods] == [("4242", True)]
    assert {row.state for row in shop.attempts()} == {"succeeded"}


def test_r39_a_card_removed_before_its_saving_is_told_stays_removed(shop: Shop) -> None:
    card = shop.save_card()
    shop.fake.portal_remove_card(card)

    shop.hear(order=3)

    assert shop.api.get("/v1/billing/payment_methods").json()["data"] == []


FOUR = (
    "payment_method.attached",
    "payment_method.updated",
    "payment_method.detached",
    "payment_intent.succeeded",
)
"""What happens to a card and to what it pays; in other orders it changes when it is gone."""


@pytest.mark.parametrize("order", list(permutations(range(len(FOUR)))))
def test_b4_four_events_five_times_each_end_in_one_state_in_every_order(
    shop: Shop, order: tuple[int, ...]
) -> None:
    shop.complete(shop.open(purpose="payment_method"))
    card = shop.fake.all("payment_method")[0]["id"]
    with official_client(shop.fake) as client:
        client.v1.payment_methods.update(card, {"billing_details": {"name": "Ada"}})
    bought(shop)
    shop.fake.portal_remove_card(card)
    by_type = {each["type"]: each for each in shop.fake.all("event")}
    told = [by_type[FOUR[place]] for place in order]

    assert {shop.tell(each) for each in told for _ in range(5)} == {200}
    shop.act()

    assert shop.api.get("/v1/billing/payment_methods").json()["data"] == []
    assert shop.credit() == Decimal(50)
    assert [row.amount_minor for row in shop.payments()] == [5000]


def test_r40_an_event_told_again_after_three_days_does_nothing(shop: Shop) -> None:
    bought(shop)
    shop.hear()

    with clock.frozen(clock.now() + timedelta(days=3)):
        shop.hear()

    assert shop.credit() == Decimal(50)


def test_b5_what_fails_half_way_is_undone_and_done_once_later(shop: Shop) -> None:
    def crash(event: InvoicePaid) -> None:
        raise RuntimeError("The process ends here.")

    bought(shop)
    subscribe(InvoicePaid, crash)
    shop.hear()
    _handlers[InvoicePaid].remove(crash)
    assert (shop.credit(), shop.payments()) == (0, [])

    with clock.frozen(clock.now() + timedelta(hours=1)):
        shop.act()

    assert shop.credit() == Decimal(50)
    assert shop.states() == {"done"}


@pytest.mark.parametrize("dies_at", [InvoiceFinalized, InvoicePaid])
def test_b5_a_worker_that_dies_before_or_after_its_effect_leaves_it_to_another(
    shop: Shop, dies_at: type[Event]
) -> None:
    def die(event: Event) -> None:
        raise Killed

    bought(shop)
    events = [each for each in shop.fake.all("event") if each["type"] == PAID]
    assert [shop.tell(each) for each in events] == [200]
    subscribe(dies_at, die)
    with pytest.raises(Killed):
        shop.act()
    _handlers[dies_at].remove(die)
    shop.act()
    assert (shop.credit(), shop.payments(), shop.states()) == (0, [], {"waiting"})

    with clock.frozen(clock.now() + timedelta(minutes=3)):
        tasks.events()
        tasks.events()

    assert shop.credit() == Decimal(50)
    assert [row.amount_minor for row in shop.payments()] == [5000]
    assert shop.states() == {"done"}


def test_b7_a_body_that_its_signature_does_not_cover_is_refused(shop: Shop) -> None:
    bought(shop)
    event = shop.fake.all("event")[0]

    told = [
        shop.tell(event, secret="whsec_of_another_endpoint"),
        shop.tell(event, at=int(time.time()) - 360),
        shop.tell(event, body='{"id": "evt_forged"}'),
        shop.tell(event, body=json.dumps(event, indent=1)),
        shop.tell(event, header="t=1,v1=none"),
        shop.tell(event, header=""),
    ]

    assert told == [400] * len(told)
    assert kept() == 0


def test_an_event_of_somebody_elses_customer_is_kept_and_does_nothing(shop: Shop) -> None:
    with official_client(shop.fake) as client:
        client.v1.customers.create({"email": "ada@example.com"})

    shop.hear()

    assert shop.states() == {"done"}
    assert shop.credit() == 0


def test_an_event_waits_while_stripe_is_away(shop: Shop) -> None:
    bought(shop)
    shop.fake.faults.add("cut_before", times=1000)
    shop.hear()
    assert (shop.credit(), "waiting" in shop.states()) == (0, True)

    shop.fake.faults.clear()
    with clock.frozen(clock.now() + timedelta(hours=1)):
        shop.act()

    assert shop.credit() == Decimal(50)
