from typing import Any

import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy, collect, types

Client = stripe.StripeClient


def test_a_saved_card_is_charged_off_session(
    fake: StripeFake, client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    paid = collect(client, customer.id, saved_card.id, expand=["latest_charge"])
    assert (paid.status, paid.amount_received) == ("succeeded", 1000)
    assert (paid.latest_charge.paid, paid.latest_charge.customer) == (True, customer.id)
    assert types(fake)[-3:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


def test_without_a_payment_method_it_waits(client: Client) -> None:
    waiting = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    assert waiting.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.confirm(waiting.id, {"return_url": "https://shop.example"})
    assert refused.value.code == "payment_intent_unexpected_state"


def test_it_is_created_first_and_confirmed_later(client: Client) -> None:
    waiting = client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "payment_method_types": ["card"],
        }
    )
    assert waiting.status == "requires_confirmation"
    assert client.v1.payment_intents.confirm(waiting.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded") as refused:
        client.v1.payment_intents.confirm(waiting.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert refused.value.error.payment_intent.id == waiting.id


def test_an_unpaid_one_can_be_changed_and_a_paid_one_only_described(client: Client) -> None:
    waiting = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    changed = client.v1.payment_intents.update(waiting.id, {"amount": 700, "description": "May"})
    assert (changed.amount, changed.description) == (700, "May")
    paid = buy(client, "pm_card_visa")
    assert client.v1.payment_intents.update(paid.id, {"metadata": {"a": "1"}}).metadata["a"] == "1"
    with pytest.raises(stripe.InvalidRequestError, match="could not be updated"):
        client.v1.payment_intents.update(paid.id, {"amount": 700})


def test_redirects_need_a_return_url(client: Client) -> None:
    asked = {
        "amount": 500,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": True,
    }
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.create(asked)
    never = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    assert client.v1.payment_intents.create(asked | never).status == "succeeded"


def test_a_customers_card_needs_the_customer(
    client: Client, saved_card: stripe.PaymentMethod
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        buy(client, saved_card.id)
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        collect(client, other.id, saved_card.id)


@pytest.mark.parametrize(
    "of_confirming",
    [
        {"off_session": True},
        {"return_url": "https://shop.example"},
        {"error_on_requires_action": True},
    ],
)
def test_how_to_confirm_is_said_with_confirm_alone(
    client: Client, of_confirming: dict[str, Any]
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="unless `confirm`"):
        client.v1.payment_intents.create({"amount": 500, "currency": "usd", **of_confirming})


def test_a_card_used_without_a_customer_is_used_up(client: Client) -> None:
    paid = buy(client, "pm_card_visa")
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        buy(client, paid.payment_method)


def test_setup_future_usage_saves_the_card(client: Client, customer: stripe.Customer) -> None:
    paid = buy(client, "pm_card_visa", customer=customer.id, setup_future_usage="off_session")
    saved = client.v1.payment_methods.list({"customer": customer.id})
    assert [each.id for each in saved] == [paid.payment_method]
    assert collect(client, customer.id, paid.payment_method).status == "succeeded"


def test_held_money_is_taken_in_part_and_the_rest_let_go(fake: StripeFake, client: Client) -> None:
    held = buy(client, "pm_card_visa", capture_method="manual")
    assert (held.status, held.amount_capturable) == ("requires_capture", 1000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1001})
    assert refused.value.code == "amount_too_large"
    taken = client.v1.payment_intents.capture(
        held.id, {"amount_to_capture": 600, "expand": ["latest_charge"]}
    )
    assert (taken.status, taken.amount_received) == ("succeeded", 600)
    assert taken.latest_charge.amount_refunded == 400
    assert types(fake)[-2:] == ["charge.captured", "payment_intent.succeeded"]


def test_canceling_lets_go_of_held_money_and_is_final(client: Client) -> None:
    held = buy(client, "pm_card_visa", capture_method="manual")
    canceled = client.v1.payment_intents.cancel(held.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert client.v1.charges.retrieve(held.latest_charge).refunded
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        client.v1.payment_intents.cancel(held.id)


@pytest.mark.parametrize(
    ("amount", "currency", "code", "param"),
    [
        (49, "usd", "amount_too_small", "amount"),
        (49, "jpy", "amount_too_small", "amount"),
        (0, "usd", "parameter_invalid_integer", "amount"),
        (100_000_000, "usd", "amount_too_large", "amount"),
        (1234, "kwd", None, "amount"),
        (1000, "xxx", None, "currency"),
    ],
)
def test_an_amount_must_be_one_that_can_be_charged(
    client: Client, amount: int, currency: str, code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create({"amount": amount, "currency": currency})
    assert (refused.value.code, refused.value.param) == (code, param)


def test_the_intents_of_a_customer_are_listed(client: Client, customer: stripe.Customer) -> None:
    mine = client.v1.payment_intents.create(
        {"amount": 1230, "currency": "kwd", "customer": customer.id}
    )
    client.v1.payment_intents.create({"amount": 500, "currency": "jpy"})
    listed = client.v1.payment_intents.list({"customer": customer.id})
    assert [each.id for each in listed] == [mine.id]
    assert client.v1.payment_intents.retrieve(mine.id).customer == customer.id


def test_charges_are_found_by_intent_and_can_be_described(client: Client) -> None:
    paid = buy(client, "pm_card_visa")
    (charge,) = client.v1.charges.list({"payment_intent": paid.id})
    kept = client.v1.charges.update(charge.id, {"description": "May", "metadata": {"a": "1"}})
    assert (kept.description, kept.metadata["a"]) == ("May", "1")


def test_a_bank_account_answers_after_days(fake: StripeFake, client: Client) -> None:
    bank = {"payment_method_types": ["us_bank_account"]}
    good = buy(client, "pm_usBankAccount_success", **bank)
    bad = buy(client, "pm_usBankAccount_insufficientFunds", **bank)
    open_ended = buy(client, "pm_usBankAccount_processing", **bank)
    assert {good.status, bad.status, open_ended.status} == {"processing"}
    fake.advance(days=5)
    states = [
        client.v1.payment_intents.retrieve(each.id).status for each in (good, bad, open_ended)
    ]
    assert states == ["succeeded", "requires_payment_method", "processing"]


def test_a_payment_method_of_another_kind_is_refused(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        buy(client, "pm_usBankAccount_success")
    assert refused.value.code == "payment_intent_incompatible_payment_method"


@pytest.mark.parametrize("amount", [0, -5])
def test_something_is_captured_or_it_is_refused(client: Client, amount: int) -> None:
    held = buy(client, "pm_card_visa", capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(held.id, {"amount_to_capture": amount})
    assert refused.value.param == "amount_to_capture"
    assert client.v1.payment_intents.retrieve(held.id).status == "requires_capture"


def test_a_refused_confirmation_changes_nothing(client: Client) -> None:
    waiting = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    kept = client.v1.payment_intents.retrieve(waiting.id)
    assert (kept.status, kept.payment_method) == ("requires_payment_method", None)
