import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import collect, types

Client = stripe.StripeClient


def test_a_test_id_becomes_a_new_card_each_time(client: Client, customer: stripe.Customer) -> None:
    first = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    second = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert (first.card.last4, second.card.last4) == ("4242", "4444")
    listed = client.v1.payment_methods.list({"customer": customer.id, "type": "card"})
    assert [each.id for each in listed] == [second.id, first.id]
    of_customer = client.v1.customers.payment_methods.list(customer.id)
    assert [each.id for each in of_customer] == [second.id, first.id]


def test_a_customers_card_is_found_under_that_customer_alone(
    client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    found = client.v1.customers.payment_methods.retrieve(customer.id, saved_card.id)
    assert found.id == saved_card.id
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        client.v1.customers.payment_methods.retrieve(other.id, saved_card.id)


def test_a_detached_card_may_not_be_used_again(
    client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    assert client.v1.payment_methods.detach(saved_card.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        collect(client, customer.id, saved_card.id)
    with pytest.raises(stripe.InvalidRequestError, match="detachment is impossible"):
        client.v1.payment_methods.detach(saved_card.id)


def test_somebody_elses_card_is_not_attached(
    client: Client, saved_card: stripe.PaymentMethod
) -> None:
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach(saved_card.id, {"customer": other.id})


def test_a_card_that_declines_is_not_saved(client: Client, customer: stripe.Customer) -> None:
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})
    assert refused.value.code == "card_declined"
    assert list(client.v1.payment_methods.list({"customer": customer.id})) == []


def test_what_is_written_beside_a_card_can_be_changed(
    fake: StripeFake, client: Client, saved_card: stripe.PaymentMethod
) -> None:
    kept = client.v1.payment_methods.update(
        saved_card.id,
        {"billing_details": {"name": "Ada"}, "metadata": {"a": "1"}, "allow_redisplay": "always"},
    )
    assert (kept.billing_details.name, kept.allow_redisplay) == ("Ada", "always")
    assert client.v1.payment_methods.retrieve(saved_card.id).metadata.to_dict() == {"a": "1"}
    assert types(fake)[-2:] == ["payment_method.attached", "payment_method.updated"]


def test_a_saved_card_can_turn_bad(
    fake: StripeFake, client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    assert collect(client, customer.id, saved_card.id).status == "succeeded"
    fake.card_becomes(saved_card.id, "pm_card_chargeDeclinedInsufficientFunds")
    with pytest.raises(stripe.CardError, match="insufficient funds"):
        collect(client, customer.id, saved_card.id)
    fake.card_becomes(saved_card.id, "pm_card_visa")
    assert collect(client, customer.id, saved_card.id).status == "succeeded"
