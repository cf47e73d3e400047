"""What Stripe refuses although each parameter by itself is one it knows."""

from typing import Any

import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy, top_up

Client = stripe.StripeClient

INTENT = {"amount": 1000, "currency": "usd"}


@pytest.mark.parametrize(
    "address", ["shop.example/done", "/done", "ftp://shop.example", "https://"]
)
def test_an_address_that_is_none_is_refused(
    client: Client, customer: stripe.Customer, address: str
) -> None:
    for name in ("success_url", "cancel_url"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            top_up(client, **{name: address})
        assert (refused.value.code, refused.value.param) == ("url_invalid", name)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing_portal.sessions.create({"customer": customer.id, "return_url": address})
    assert (refused.value.code, refused.value.param) == ("url_invalid", "return_url")


def test_an_address_may_name_the_session_that_is_to_come(client: Client) -> None:
    address = "https://shop.example/done?session={CHECKOUT_SESSION_ID}"
    assert top_up(client, success_url=address).success_url == address


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"payment_method_types": ["card"], "automatic_payment_methods": {"enabled": True}},
            "only specify one",
        ),
        ({"payment_method_types": ["crad"]}, "crad is invalid"),
        ({"currency": "eur", "payment_method_types": ["us_bank_account"]}, "currency `eur`"),
    ],
)
def test_kinds_of_payment_methods_are_those_of_the_account_and_the_currency(
    client: Client, more: dict[str, Any], told: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=told):
        client.v1.payment_intents.create({**INTENT, **more})


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({}, "currency"),
        ({"currency": "usd", "customer_creation": "always"}, "customer_creation"),
        ({"currency": "usd", "submit_type": "pay"}, "submit_type"),
    ],
)
def test_a_page_that_saves_a_card_names_a_currency_or_kinds_and_sells_nothing(
    client: Client, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(
            {"mode": "setup", "success_url": "https://shop.example/done", **params}
        )
    assert refused.value.param == param


def test_a_page_for_a_known_customer_makes_none(client: Client, customer: stripe.Customer) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="customer, customer_creation"):
        top_up(client, customer=customer.id, customer_creation="always")


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 1005), ("isk", 10050), ("ugx", 100_001)])
def test_what_no_card_can_move_is_neither_charged_nor_refunded(
    client: Client, currency: str, amount: int
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="evenly divisible"):
        client.v1.payment_intents.create({"amount": amount, "currency": currency})
    paid = buy(client, "pm_card_visa", amount=1_000_000, currency=currency)
    with pytest.raises(stripe.InvalidRequestError, match="evenly divisible"):
        client.v1.refunds.create({"payment_intent": paid.id, "amount": amount})


@pytest.mark.parametrize("pays", [True, False])
def test_a_prevented_dispute_tells_by_its_movements_whether_it_took_the_money(
    fake: StripeFake, client: Client, pays: bool
) -> None:
    charge = str(buy(client, "pm_card_visa").latest_charge)

    dispute = client.v1.disputes.retrieve(fake.dispute_prevent(charge, pays=pays)["id"])

    assert (dispute.status, dispute.is_charge_refundable) == ("prevented", not pays)
    assert [each.amount for each in dispute.balance_transactions] == [-1000] * pays
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.v1.disputes.close(dispute.id)
