"""Sessions of the customer portal: a link, and nothing that the fake would show there."""

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.routing import Call, route


@route("POST", "/v1/billing_portal/sessions", "customer return_url locale")
def create(account: Account, call: Call) -> Object:
    """Open the portal for a customer, with the account's default configuration."""
    customer = account.find("customer", call.params.need("customer"), param="customer", status=400)
    return_url = call.params.url("return_url")
    session = account.add(
        {
            "id": account.new_id("bps"),
            "object": "billing_portal.session",
            "configuration": "bpc_default",
            "created": account.clock.seconds,
            "customer": customer["id"],
            "flow": None,
            "livemode": False,
            "locale": call.params.text("locale"),
            "on_behalf_of": None,
            "return_url": return_url,
            "url": f"https://billing.stripe.com/p/session/{account.new_id('test')}",
        }
    )
    account.emit("billing_portal.session.created", session)
    return session
