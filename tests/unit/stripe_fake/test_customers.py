import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import types

Client = stripe.StripeClient


def test_a_created_customer_is_retrieved_with_all_that_was_said(client: Client) -> None:
    made = client.v1.customers.create(
        {
            "email": "ada@example.com",
            "name": "Ada",
            "address": {"country": "CN", "city": "Shanghai"},
            "metadata": {"organization": "org_1"},
            "preferred_locales": ["zh-CN", "en"],
        }
    )
    found = client.v1.customers.retrieve(made.id)
    assert (found.name, found.address.city, found.address.line1) == ("Ada", "Shanghai", None)
    assert found.metadata.to_dict() == {"organization": "org_1"}
    assert found.preferred_locales == ["zh-CN", "en"]


def test_metadata_is_merged_and_an_empty_value_removes_its_key(
    client: Client, customer: stripe.Customer
) -> None:
    client.v1.customers.update(customer.id, {"metadata": {"a": "1", "b": "2"}})
    kept = client.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert kept.metadata.to_dict() == {"b": "2", "c": "3"}
    assert client.v1.customers.update(customer.id, {"metadata": ""}).metadata.to_dict() == {}


def test_an_update_tells_what_was_there_before(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    client.v1.customers.update(customer.id, {"email": "eve@example.com"})
    told = fake.all("event")[-1]["data"]
    assert told["previous_attributes"] == {"email": "ada@example.com"}
    assert told["object"]["email"] == "eve@example.com"


def test_an_update_that_changes_nothing_tells_nothing(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    client.v1.customers.update(customer.id, {"email": "ada@example.com"})
    assert types(fake) == ["customer.created"]


def test_customers_are_listed_by_exact_email(client: Client, customer: stripe.Customer) -> None:
    client.v1.customers.create({"email": "Ada@example.com"})
    found = client.v1.customers.list({"email": "ada@example.com"})
    assert [each.id for each in found] == [customer.id]


def test_of_a_deleted_customer_little_is_left(
    client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    client.v1.customers.delete(customer.id)
    assert client.v1.customers.retrieve(customer.id).deleted
    assert client.v1.payment_methods.retrieve(saved_card.id).customer is None
    assert list(client.v1.customers.list()) == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.customers.update(customer.id, {"name": "Ada"})
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        client.v1.payment_intents.create(
            {"amount": 100, "currency": "usd", "customer": customer.id}
        )


def test_the_default_payment_method_must_be_the_customers_own(
    client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    settings = {"invoice_settings": {"default_payment_method": saved_card.id}}
    kept = client.v1.customers.update(customer.id, settings)
    assert kept.invoice_settings.default_payment_method == saved_card.id
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.update(other.id, settings)
    assert refused.value.param == "invoice_settings[default_payment_method]"


def test_a_detached_card_is_no_default_any_more(
    client: Client, customer: stripe.Customer, saved_card: stripe.PaymentMethod
) -> None:
    settings = {"invoice_settings": {"default_payment_method": saved_card.id}}
    client.v1.customers.update(customer.id, settings)
    client.v1.payment_methods.detach(saved_card.id)
    found = client.v1.customers.retrieve(customer.id)
    assert found.invoice_settings.default_payment_method is None


def test_a_customer_whose_card_is_declined_at_once_is_not_made(
    fake: StripeFake, client: Client
) -> None:
    with pytest.raises(stripe.CardError):
        client.v1.customers.create({"payment_method": "pm_card_chargeDeclined"})
    assert (list(client.v1.customers.list()), types(fake)) == ([], [])
