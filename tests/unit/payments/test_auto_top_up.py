"""Credit that is bought by itself."""

from datetime import timedelta
from decimal import Decimal

import pytest

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.rounds import BEGINNING
from anneal.kernel.scopes import system_scope
from billing.ledger.services import account_park
from billing.payments.services.auto_top_up import auto_top_up_look, auto_top_ups_due
from billing.payments.tasks import auto_top_up
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

AUTO = "/v1/billing/auto_top_up"


def wanted(shop: Shop, threshold: str = "100", amount: str = "30", cap: str = "500") -> None:
    body = {"enabled": True, "threshold": threshold, "amount": amount, "daily_cap": cap}
    answer = shop.api.put(AUTO, body, format="json")
    assert answer.status_code == 200, answer.content


def test_r30_one_charge_closes_the_gap(shop: Shop, card: str) -> None:
    wanted(shop)

    for _ in range(5):
        auto_top_up()
    shop.hear()

    assert shop.credit() == Decimal(120)
    assert [row.amount_minor for row in shop.attempts()] == [12_000]


def test_r30_a_day_has_a_cap_and_the_next_day_another(shop: Shop, card: str) -> None:
    wanted(shop, cap="60")
    auto_top_up()
    auto_top_up()
    assert shop.credit() == Decimal(60)
    assert shop.api.get(AUTO).json()["paused"] == "daily_cap"

    with clock.frozen(clock.now() + timedelta(days=1, hours=1)):
        auto_top_up()

    assert shop.credit() == Decimal(120)


def test_r30_a_refused_card_is_not_tried_again_the_same_day(shop: Shop, card: str) -> None:
    wanted(shop)
    shop.fake.card_becomes(card, "pm_card_chargeCustomerFail")

    for _ in range(3):
        auto_top_up_look(organization=shop.organization)

    assert [row.state for row in shop.attempts()] == ["failed"]
    assert shop.api.get(AUTO).json()["paused"]


def due() -> int:
    """How many organizations the scheduler visits now."""
    with system_scope("test"):
        return len(auto_top_ups_due(after=BEGINNING))


def test_only_those_below_their_threshold_are_visited(shop: Shop, card: str) -> None:
    wanted(shop, threshold="20")
    assert due() == 1
    auto_top_up()
    assert (shop.credit(), due()) == (30, 0)

    wanted(shop, threshold="30")
    assert due() == 0

    wanted(shop, threshold="30.01")
    assert due() == 1


def test_a_parked_account_buys_nothing(shop: Shop, card: str) -> None:
    wanted(shop)
    with system_scope("test"):
        account_park(organization=shop.organization, actor=SYSTEM_ACTOR, reason="A dispute.")

    assert due() == 0
    assert auto_top_up_look(organization=shop.organization) is None
    assert shop.attempts() == []


def test_it_needs_a_card(shop: Shop) -> None:
    body = {"enabled": True, "threshold": "10", "amount": "30", "daily_cap": "60"}

    assert shop.api.put(AUTO, body, format="json").status_code == 402
