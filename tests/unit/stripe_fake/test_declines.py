import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy, collect, types

Client = stripe.StripeClient


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        (
            "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
            "card_declined",
            "card_velocity_exceeded",
        ),
    ],
)
def test_a_test_card_declines_as_stripe_says(
    client: Client, card: str, code: str, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        buy(client, card)
    error = refused.value.error
    assert (refused.value.http_status, error.type) == (402, "card_error")
    assert (error.code, error.decline_code) == (code, decline_code)
    assert error.payment_intent.status == "requires_payment_method"


def test_a_decline_leaves_a_failed_charge_and_the_intent_open(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    card = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError) as refused:
        collect(client, customer.id, card.id)
    intent = client.v1.payment_intents.retrieve(refused.value.error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.decline_code == "generic_decline"
    assert intent.last_payment_error.payment_method.id == card.id
    charge = client.v1.charges.retrieve(intent.latest_charge)
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, "card_declined")
    assert types(fake)[-2:] == ["charge.failed", "payment_intent.payment_failed"]


def test_another_card_pays_what_one_declined(client: Client) -> None:
    with pytest.raises(stripe.CardError) as refused:
        buy(client, "pm_card_chargeDeclined")
    intent = refused.value.error.payment_intent.id
    paid = client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_on_session_the_customer_is_asked(fake: StripeFake, client: Client) -> None:
    asked = buy(client, "pm_card_authenticationRequired")
    assert (asked.status, asked.next_action.type) == ("requires_action", "use_stripe_sdk")
    assert fake.authenticate(asked.id)["status"] == "succeeded"
    assert client.v1.payment_intents.retrieve(asked.id).next_action is None
    assert "payment_intent.requires_action" in types(fake)


def test_with_a_return_url_the_customer_is_sent_there(client: Client) -> None:
    asked = buy(client, "pm_card_authenticationRequired", return_url="https://shop.example/back")
    assert asked.next_action.type == "redirect_to_url"
    assert asked.next_action.redirect_to_url.return_url == "https://shop.example/back"


def test_who_fails_to_authenticate_pays_nothing(fake: StripeFake, client: Client) -> None:
    asked = buy(client, "pm_card_authenticationRequired")
    fake.authenticate(asked.id, passed=False)
    failed = client.v1.payment_intents.retrieve(asked.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"


def test_a_card_may_authenticate_and_still_have_no_funds(fake: StripeFake, client: Client) -> None:
    asked = buy(client, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    failed = fake.authenticate(asked.id)
    assert failed["last_payment_error"]["decline_code"] == "insufficient_funds"


def test_off_session_nobody_can_be_asked(client: Client, customer: stripe.Customer) -> None:
    card = client.v1.payment_methods.attach(
        "pm_card_authenticationRequired", {"customer": customer.id}
    )
    with pytest.raises(stripe.CardError) as refused:
        collect(client, customer.id, card.id)
    assert refused.value.code == "authentication_required"
    assert refused.value.error.decline_code == "authentication_required"
    # The customer comes back and pays the same intent on session.
    again = client.v1.payment_intents.confirm(
        refused.value.error.payment_intent.id, {"payment_method": card.id}
    )
    assert again.status == "requires_action"


def test_error_on_requires_action_refuses_instead_of_asking(client: Client) -> None:
    with pytest.raises(stripe.CardError) as refused:
        buy(client, "pm_card_authenticationRequired", error_on_requires_action=True)
    assert refused.value.code == "authentication_required"


def test_a_card_that_was_set_up_is_charged_unasked(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    intent = client.v1.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "payment_method_types": ["card"],
            "confirm": True,
        }
    )
    assert intent.status == "requires_action"
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        client.v1.customers.payment_methods.retrieve(customer.id, intent.payment_method)
    assert fake.authenticate(intent.id)["status"] == "succeeded"
    assert collect(client, customer.id, intent.payment_method).status == "succeeded"
