"""Whatever is lost, late, told again or out of order: payments end as Stripe has them."""

import random

import pytest

from anneal.kernel.scopes import OrganizationRef
from billing.payments import tasks
from tests.unit.payments.histories import Life, acts, state, told_badly
from tests.unit.payments.metered import now_at
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

CARDS = ("pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail")
FEW = range(3)
MANY = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 60)]


@pytest.mark.parametrize("seed", [*FEW, *MANY])
def test_b4_any_loss_delay_order_and_number_of_events_ends_in_the_same_state(
    shop: Shop, other_organization: OrganizationRef, seed: int
) -> None:
    chance = random.Random(seed)
    fake = shop.fake
    fake.service.checks_answers = False  # other tests check these answers
    well, badly = Life(shop), Life(Shop(other_organization, fake))
    with now_at(fake):
        tasks.sweep()
    for life in (well, badly):
        life.begin(CARDS[seed % len(CARDS)])

    for act in acts(chance):
        act(well)
        act(badly)
        well.tell(well.fresh())
        told_badly(badly, chance)
        fake.advance(hours=chance.choice([0, 1, 30]))
    fake.advance(days=4)
    well.tell(well.fresh())
    told_badly(badly, chance)
    with now_at(fake):
        tasks.sweep()
        shop.act()

    assert state(badly.shop) == state(shop)
    for life in (well, badly):
        _is_as_at_stripe(life)


def _is_as_at_stripe(life: Life) -> None:
    here = state(life.shop)
    intents = life.own("payment_intent")
    ids = {each["id"] for each in intents}
    paid = sorted(each["amount_received"] for each in intents if each["amount_received"])
    refunds = [each for each in life.fake.all("refund") if each["payment_intent"] in ids]
    disputes = [each for each in life.fake.all("dispute") if each["payment_intent"] in ids]

    assert [amount for amount, _ in here["payments"]] == paid
    assert here["refunds"] == sorted((each["amount"], each["status"]) for each in refunds)
    assert here["disputes"] == sorted(
        (each["amount"], each["status"], each["status"] == "lost") for each in disputes
    )
    cards = sorted(each["card"]["last4"] for each in life.own("payment_method"))
    assert [last4 for last4, _ in here["cards"]] == cards
    assert "open" not in {each for _, each in here["pages"]}
    assert here["drifts"] == []
