"""Saving payment methods and letting go of them; test ids become cards and bank accounts."""

from typing import Any

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.cards import METHODS, Decline, TestMethod
from tests.stripe_fake.errors import CardDeclined, InvalidRequest

USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
    "attachment, or was detached from a Customer. It may not be used again. To use a "
    "PaymentMethod multiple times, you must attach it to a Customer first."
)


def usable(account: Account, wanted: str, *, param: str, status: int = 400) -> Object:
    """A payment method that may still be used; a test id makes a new one each time."""
    if wanted in METHODS:
        return account.add(_made(account, METHODS[wanted]))
    method = account.find("payment_method", wanted, param=param, status=status)
    if method["id"] in account.spent:
        raise InvalidRequest(USED_UP, param=param)
    return method


def attach(account: Account, method: Object, customer: str) -> Object:
    """Save it, unless it declines at once or is somebody else's."""
    if method["customer"] == customer:
        return method
    if method["customer"]:
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer."
        )
    behaviour = account.methods[method["id"]]
    if behaviour.declines and not behaviour.attaches:
        raise declined(behaviour.declines, payment_method=method)
    before = account.change(method, customer=customer)
    account.emit("payment_method.attached", method, before)
    return method


def detach(account: Account, method: Object) -> Object:
    """Take it from its customer and from the customer's settings."""
    customer = account.get("customer", method["customer"])
    before = account.change(method, customer=None)
    account.spent.add(method["id"])
    if customer and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        settings = customer["invoice_settings"] | {"default_payment_method": None}
        changed = account.change(customer, invoice_settings=settings)
        account.emit("customer.updated", customer, changed)
    account.emit("payment_method.detached", method, before)
    return method


def declined(decline: Decline, **details: Any) -> CardDeclined:
    """The refusal with the reason that the bank gave."""
    return CardDeclined(
        decline.message, code=decline.code, decline_code=decline.decline_code, **details
    )


def _made(account: Account, behaviour: TestMethod) -> Object:
    method: Object = {
        "id": account.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "created": account.clock.seconds,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": behaviour.type,
        behaviour.type: _card(account, behaviour)
        if behaviour.type == "card"
        else _bank_account(account, behaviour),
    }
    account.methods[method["id"]] = behaviour
    if behaviour.set_up:
        account.set_up.add(method["id"])
    return method


def _card(account: Account, behaviour: TestMethod) -> Object:
    return {
        "brand": behaviour.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "pass",
        },
        "country": behaviour.country,
        "display_brand": behaviour.brand,
        "exp_month": 12,
        "exp_year": account.clock.now.year + 3,
        "fingerprint": f"fake{behaviour.brand}{behaviour.last4}",
        "funding": behaviour.funding,
        "generated_from": None,
        "last4": behaviour.last4,
        "networks": {"available": [behaviour.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _bank_account(account: Account, behaviour: TestMethod) -> Object:
    return {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": f"fakebank{behaviour.last4}",
        "last4": behaviour.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": {},
    }
