import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import types

Client = stripe.StripeClient
CARDS = {"payment_method_types": ["card"]}


def test_a_card_is_saved_without_a_payment(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    waiting = client.v1.setup_intents.create({"customer": customer.id, **CARDS})
    assert waiting.status == "requires_payment_method"
    done = client.v1.setup_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    assert (done.status, done.usage) == ("succeeded", "off_session")
    assert client.v1.payment_methods.retrieve(done.payment_method).customer == customer.id
    assert types(fake)[-3:] == [
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
    ]


def test_a_declined_card_is_not_saved(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        client.v1.setup_intents.create(
            {
                "customer": customer.id,
                "payment_method": "pm_card_chargeDeclined",
                "confirm": True,
                **CARDS,
            }
        )
    assert refused.value.error.setup_intent.status == "requires_payment_method"
    assert refused.value.error.setup_intent.last_setup_error.code == "card_declined"
    assert list(client.v1.payment_methods.list({"customer": customer.id})) == []
    assert types(fake)[-1] == "setup_intent.setup_failed"


def test_who_fails_to_authenticate_saves_nothing(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    asked = client.v1.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            **CARDS,
        }
    )
    failed = fake.authenticate(asked.id, passed=False)
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert list(client.v1.payment_methods.list({"customer": customer.id})) == []


def test_a_canceled_one_is_final(client: Client, customer: stripe.Customer) -> None:
    waiting = client.v1.setup_intents.create({"customer": customer.id})
    canceled = client.v1.setup_intents.cancel(waiting.id, {"cancellation_reason": "abandoned"})
    assert canceled.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.setup_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    assert refused.value.code == "setup_intent_unexpected_state"
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        client.v1.setup_intents.cancel(waiting.id)


def test_it_needs_a_payment_method(client: Client) -> None:
    waiting = client.v1.setup_intents.create(CARDS)
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.v1.setup_intents.confirm(waiting.id)


def test_the_setup_intents_of_a_customer_are_listed(
    client: Client, customer: stripe.Customer
) -> None:
    mine = client.v1.setup_intents.create({"customer": customer.id})
    client.v1.setup_intents.create()
    assert [each.id for each in client.v1.setup_intents.list({"customer": customer.id})] == [
        mine.id
    ]
    assert client.v1.setup_intents.retrieve(mine.id).id == mine.id


def test_redirects_need_a_return_url(client: Client, customer: stripe.Customer) -> None:
    waiting = client.v1.setup_intents.create({"customer": customer.id})
    with pytest.raises(stripe.InvalidRequestError, match=r"This SetupIntent .* `return_url`"):
        client.v1.setup_intents.confirm(waiting.id, {"payment_method": "pm_card_visa"})
    done = client.v1.setup_intents.confirm(
        waiting.id, {"payment_method": "pm_card_visa", "return_url": "https://shop.example"}
    )
    assert done.status == "succeeded"
