"""Charges: what a payment intent leaves with each attempt."""

from typing import Any

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.cards import Decline
from tests.stripe_fake.disputing import open_dispute
from tests.stripe_fake.ledger import book_charge

BOOKED_AFTER = 60
BANK_DETAILS = (
    "account_holder_type",
    "account_type",
    "bank_name",
    "fingerprint",
    "last4",
    "routing_number",
)
CARD_DETAILS = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "regulated_status",
    "wallet",
)
OUTCOME = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "seller_message": "Payment complete.",
    "type": "authorized",
}


def charge_failed(account: Account, intent: Object, method: Object, decline: Decline) -> Object:
    """An attempt that the bank declined."""
    charge = _charge(account, intent, method)
    charge |= {
        "status": "failed",
        "paid": False,
        "captured": False,
        "amount_captured": 0,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": OUTCOME
        | {
            "network_status": "declined_by_network",
            "reason": decline.decline_code or decline.code,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        },
    }
    account.add(charge)
    account.change(intent, latest_charge=charge["id"])
    account.emit("charge.failed", charge)
    return charge


def charge_pending(account: Account, intent: Object, method: Object) -> Object:
    """An attempt whose bank answers days later."""
    charge = account.add(_charge(account, intent, method))
    account.change(
        charge, status="pending", paid=False, captured=True, amount_captured=charge["amount"]
    )
    account.change(intent, latest_charge=charge["id"])
    account.emit("charge.pending", charge)
    return charge


def charge_succeeded(account: Account, intent: Object, method: Object, *, capture: bool) -> Object:
    """An attempt that the bank granted; without `capture` the money is only held."""
    charge = account.add(_charge(account, intent, method))
    account.change(intent, latest_charge=charge["id"])
    if capture:
        booked_late = intent["capture_method"] == "automatic_async"
        charge_capture(account, charge, charge["amount"], booked_late=booked_late)
    account.emit("charge.succeeded", charge)
    return charge


def charge_settled(account: Account, charge: Object, decline: Decline | None) -> None:
    """A pending charge ends."""
    if decline:
        account.change(
            charge,
            status="failed",
            captured=False,
            amount_captured=0,
            failure_code=decline.code,
            failure_message=decline.message,
        )
        account.emit("charge.failed", charge)
        return
    account.change(charge, status="succeeded", paid=True)
    book_charge(account, charge)
    account.emit("charge.succeeded", charge)


def charge_capture(
    account: Account, charge: Object, amount: int, *, booked_late: bool = False
) -> None:
    """Take the money that was held, or part of it; the rest is let go."""
    account.change(
        charge,
        captured=True,
        amount_captured=amount,
        amount_refunded=charge["amount"] - amount,
    )
    if booked_late:
        account.later(BOOKED_AFTER, lambda: _book_late(account, charge))
    else:
        book_charge(account, charge)


def _book_late(account: Account, charge: Object) -> None:
    """What is captured asynchronously has its balance transaction in a later event."""
    book_charge(account, charge)
    account.emit("charge.updated", charge, {"balance_transaction": None})


def charge_disputed(account: Account, charge: Object) -> None:
    """The customer of some test cards disputes every charge at once."""
    behaviour = account.methods[charge["payment_method"]]
    if behaviour.dispute:
        open_dispute(account, charge, reason=behaviour.dispute, inquiry=behaviour.inquiry)


def _charge(account: Account, intent: Object, method: Object) -> Object:
    billing = method["billing_details"]
    return {
        "id": account.new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": billing,
        "calculated_statement_descriptor": None,
        "captured": False,
        "created": account.clock.seconds,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": OUTCOME,
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: _details(method)},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


def _details(method: Object) -> dict[str, Any]:
    """What the charge keeps of the card or bank account."""
    source = method[method["type"]]
    if method["type"] != "card":
        return {name: source[name] for name in BANK_DETAILS}
    return {
        **{name: source[name] for name in CARD_DETAILS},
        "installments": None,
        "mandate": None,
        "network": source["brand"],
        "three_d_secure": None,
    }
