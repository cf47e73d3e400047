"""Customers."""

from typing import Any

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import missing
from tests.stripe_fake.forms import Params
from tests.stripe_fake.methods import attach, detach, usable
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route

ADDRESS = "city country line1 line2 postal_code state"
TAKES = "email name phone description address metadata invoice_settings preferred_locales"


@route("POST", "/v1/customers", f"{TAKES} payment_method")
def create(account: Account, call: Call) -> Object:
    """Create a customer, with a saved payment method if one is given."""
    customer = new_customer(account, email=call.params.text("email"))
    method = call.params.text("payment_method")
    if method:
        attach(account, usable(account, method, param="payment_method"), customer["id"])
    account.change(customer, **_fields(account, customer, call.params))
    account.emit("customer.created", account.add(customer))
    return customer


@route("GET", "/v1/customers", f"{PAGE} created email")
def list_all(account: Account, call: Call) -> Object:
    """List customers; `email` is compared exactly."""
    customers = [each for each in account.all("customer") if not each.get("deleted")]
    return page(call, owned(customers, email=call.params.text("email")))


@route("GET", "/v1/customers/{customer}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a customer; of a deleted one little is left."""
    found = account.get("customer", call.ids["customer"])
    return found or account.find("customer", call.ids["customer"])


@route("POST", "/v1/customers/{customer}", TAKES)
def update(account: Account, call: Call) -> Object:
    """Change a customer."""
    customer = account.find("customer", call.ids["customer"])
    before = account.change(customer, **_fields(account, customer, call.params))
    if before:
        account.emit("customer.updated", customer, before)
    return customer


@route("DELETE", "/v1/customers/{customer}")
def delete(account: Account, call: Call) -> Object:
    """Delete a customer and let go of its payment methods."""
    customer = account.find("customer", call.ids["customer"])
    for method in owned(account.all("payment_method"), customer=customer["id"]):
        detach(account, method)
    account.emit("customer.deleted", customer)
    left = {"id": customer["id"], "object": "customer", "deleted": True}
    customer.clear()
    customer.update(left)
    return customer


def new_customer(account: Account, *, email: str | None) -> Object:
    """A customer of whom the address is known alone."""
    return {
        "id": account.new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.clock.seconds,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": email,
        "invoice_prefix": account.new_id("X", 8)[2:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _fields(account: Account, customer: Object, params: Params) -> dict[str, Any]:
    names = [name for name in ("email", "name", "phone", "description") if name in params]
    changes: dict[str, Any] = {name: params.text(name) for name in names}
    if "address" in params:
        address = params.inside("address", ADDRESS)
        changes["address"] = {part: address.text(part) for part in ADDRESS.split()}
    if "preferred_locales" in params:
        changes["preferred_locales"] = params.texts("preferred_locales") or []
    if "invoice_settings" in params:
        changes["invoice_settings"] = _settings(account, customer, params)
    return changes | {"metadata": params.metadata(customer["metadata"])}


def _settings(account: Account, customer: Object, params: Params) -> Object:
    inside = params.inside("invoice_settings", "default_payment_method")
    settings: Object = dict(customer["invoice_settings"])
    if "default_payment_method" not in inside:
        return settings
    method = inside.text("default_payment_method")
    if method:
        name = inside.name("default_payment_method")
        if not owned(account.all("payment_method"), customer=customer["id"], id=method):
            raise missing("payment_method", method, param=name, status=400)
    return settings | {"default_payment_method": method}
