"""Charges: read, and described; payment intents alone make them."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route


@route("GET", "/v1/charges", f"{PAGE} created customer payment_intent")
def list_all(account: Account, call: Call) -> Object:
    """List charges."""
    wanted = {name: call.params.text(name) for name in ("customer", "payment_intent")}
    return page(call, owned(account.all("charge"), **wanted))


@route("GET", "/v1/charges/{charge}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a charge."""
    return account.find("charge", call.ids["charge"])


@route("POST", "/v1/charges/{charge}", "description metadata receipt_email")
def update(account: Account, call: Call) -> Object:
    """Change what is written beside a charge."""
    charge, params = account.find("charge", call.ids["charge"]), call.params
    texts = {name: params.text(name) for name in ("description", "receipt_email") if name in params}
    before = account.change(charge, metadata=params.metadata(charge["metadata"]), **texts)
    if before:
        account.emit("charge.updated", charge, before)
    return charge
