import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.stripe_fake.errors import StripeError
from tests.unit.stripe_fake.acts import collect, types

Client = stripe.StripeClient


def test_the_portal_is_opened_for_a_customer(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    session = client.v1.billing_portal.sessions.create(
        {"customer": customer.id, "return_url": "https://shop.example/billing", "locale": "zh"}
    )
    assert session.url.startswith("https://billing.stripe.com/p/session/")
    assert (session.customer, session.locale) == (customer.id, "zh")
    assert types(fake)[-1] == "billing_portal.session.created"


def test_the_portal_needs_a_known_customer(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing_portal.sessions.create({"customer": "cus_nobody"})
    assert (refused.value.code, refused.value.http_status) == ("resource_missing", 400)


def test_a_card_saved_in_the_portal_is_the_one_to_pay_with(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    saved = fake.portal_save_card(customer.id, "pm_card_authenticationRequiredOnSetup")
    found = client.v1.customers.retrieve(customer.id)
    assert found.invoice_settings.default_payment_method == saved["id"]
    assert types(fake)[-3:] == [
        "payment_method.attached",
        "setup_intent.succeeded",
        "customer.updated",
    ]
    assert collect(client, customer.id, saved["id"]).status == "succeeded"


def test_a_card_removed_in_the_portal_is_gone(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    saved = fake.portal_save_card(customer.id)
    fake.portal_remove_card(saved["id"])
    assert list(client.v1.payment_methods.list({"customer": customer.id})) == []
    assert types(fake)[-2:] == ["customer.updated", "payment_method.detached"]


def test_a_card_that_declines_is_not_saved_in_the_portal(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    with pytest.raises(StripeError, match="declined"):
        fake.portal_save_card(customer.id, "pm_card_chargeDeclined")
    assert types(fake)[-1] == "setup_intent.setup_failed"
