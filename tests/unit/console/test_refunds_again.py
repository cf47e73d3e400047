"""Refunds that a card's bank, or the provider, refused: the operator has them sent again."""

import pytest
from django.test import Client

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Role
from anneal.kernel.scopes import system_scope
from billing.invoices.models import CreditNote
from billing.payments.models import PaymentAttempt, Refund
from tests.stripe_fake.official import official_client
from tests.unit.accounts.helpers import browser_for
from tests.unit.console.test_money_pages import actors, post
from tests.unit.console.test_operator import operator, page
from tests.unit.console.till import MISSING, disputed, paid, refund, rows, send
from tests.unit.factories import make_member
from tests.unit.invoices.helpers import drifts
from tests.unit.payments.conftest import fake, seed, shop
from tests.unit.payments.shop import Shop

__all__ = ["fake", "operator", "seed", "shop"]  # fixtures of the console's and payments' tests

pytestmark = pytest.mark.django_db

REFUNDS = "/admin/payments/refund"


@pytest.fixture
def card(shop: Shop) -> str:
    """A saved card whose bank sends every refund back after some days."""
    return shop.save_card("pm_card_refundFail")


@pytest.fixture
def attempt(operator: Client, shop: Shop, card: str) -> PaymentAttempt:
    """A payment of twenty dollars; of five that were to go back nothing arrived."""
    made = paid(shop)
    assert refund(operator, made)[0] == 302
    passes(shop)
    return made


def passes(shop: Shop) -> None:
    """Send what is asked for, and let its bank send it back."""
    send(shop)
    shop.fake.advance(days=4)
    shop.hear()


def again(operator: Client, row: Refund) -> tuple[int, str]:
    return post(operator, f"{REFUNDS}/{row.id}/send-again/", {})


def offered(operator: Client, row: Refund) -> bool:
    return "send-again" in page(operator, f"{REFUNDS}/{row.id}/change/")


def states(shop: Shop) -> list[str]:
    return [row.state for row in rows(Refund, shop)]


def test_what_failed_is_sent_again_under_the_same_note(
    operator: Client, shop: Shop, card: str, attempt: PaymentAttempt
) -> None:
    (first,) = rows(Refund, shop)
    assert (first.state, offered(operator, first)) == ("failed", True)
    shop.fake.card_becomes(card, "pm_card_visa")

    assert again(operator, first)[0] == 302
    assert "only one that failed" in again(operator, first)[1]
    send(shop)
    send(shop)

    assert states(shop) == ["failed", "succeeded"]
    assert not any(offered(operator, row) for row in rows(Refund, shop))
    assert [each["amount"] for each in shop.fake.all("refund")] == [500, 500]
    assert [note.total_minor for note in rows(CreditNote, shop)] == [500]
    assert [payment.refunded_minor for payment in shop.payments()] == [500]
    assert drifts(shop.organization) == []
    assert actors("refund.send_again") == {"operator@local"}
    (note,) = rows(CreditNote, shop)
    for row in rows(Refund, shop):
        assert note.number in page(operator, f"{REFUNDS}/{row.id}/change/")


def test_what_is_told_late_of_a_try_that_failed_leaves_the_next_alone(
    operator: Client, shop: Shop, card: str, attempt: PaymentAttempt
) -> None:
    shop.fake.card_becomes(card, "pm_card_visa")
    assert again(operator, rows(Refund, shop)[0])[0] == 302
    send(shop)

    for order in range(3):
        shop.hear(order=order, copies=2)

    assert states(shop) == ["failed", "succeeded"]


def test_each_try_has_a_key_of_its_own_and_all_hang_on_the_first(
    operator: Client, shop: Shop, card: str, attempt: PaymentAttempt
) -> None:
    first = rows(Refund, shop)[0]
    for _ in range(2):
        assert again(operator, first)[0] == 302
        passes(shop)

    tries = rows(Refund, shop)
    assert [row.key for row in tries] == [first.key, f"{first.key}:2", f"{first.key}:3"]
    assert states(shop) == ["failed"] * 3
    assert [offered(operator, row) for row in tries] == [True, False, False]
    assert "only one that failed" in again(operator, tries[-1])[1]
    assert drifts(shop.organization) == []


def test_no_more_goes_back_than_is_left_of_the_payment(
    operator: Client, shop: Shop, card: str, attempt: PaymentAttempt
) -> None:
    (first,) = rows(Refund, shop)
    shop.fake.card_becomes(card, "pm_card_visa")
    with official_client(shop.fake) as client:
        client.v1.refunds.create({"payment_intent": attempt.intent_ref, "amount": 1600})
    shop.hear()

    assert not offered(operator, first)
    assert "refund less" in again(operator, first)[1]
    assert states(shop) == ["failed", "succeeded"]


def test_nothing_is_sent_again_of_what_its_bank_asks_back(
    operator: Client, shop: Shop, attempt: PaymentAttempt
) -> None:
    disputed(shop)
    (first,) = rows(Refund, shop)

    assert not offered(operator, first)
    assert "only after it is won" in again(operator, first)[1]
    assert states(shop) == ["failed"]


def test_a_refund_made_at_the_provider_that_failed_is_sent_again_with_no_second_note(
    operator: Client, shop: Shop, card: str
) -> None:
    attempt = paid(shop)
    with official_client(shop.fake) as client:
        client.v1.refunds.create({"payment_intent": attempt.intent_ref, "amount": 500})
    passes(shop)
    (first,) = rows(Refund, shop)
    shop.fake.card_becomes(card, "pm_card_visa")

    assert again(operator, first)[0] == 302
    send(shop)

    assert states(shop) == ["failed", "succeeded"]
    assert [note.total_minor for note in rows(CreditNote, shop)] == [500]
    assert [payment.refunded_minor for payment in shop.payments()] == [500]
    assert drifts(shop.organization) == []


def test_only_an_operator_sends_again_and_only_what_is_there(
    operator: Client, shop: Shop, attempt: PaymentAttempt
) -> None:
    (first,) = rows(Refund, shop)
    browser = browser_for(make_member(shop.organization, Role.OWNER))

    assert operator.get(f"{REFUNDS}/{MISSING}/send-again/").status_code == 404
    assert again(browser, first)[0] == 302
    assert states(shop) == ["failed"]
    with system_scope("test"):
        assert not AuditEvent.objects.filter(action="refund.send_again").exists()
