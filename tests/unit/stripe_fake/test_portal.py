import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import types

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
