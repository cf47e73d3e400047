"""How a payment intent goes from confirmed to its end."""

from tests.stripe_fake.account import Account, Object, snapshot
from tests.stripe_fake.cards import AUTHENTICATION_REQUIRED, Decline
from tests.stripe_fake.charging import (
    charge_disputed,
    charge_failed,
    charge_pending,
    charge_settled,
    charge_succeeded,
)
from tests.stripe_fake.errors import StripeError
from tests.stripe_fake.methods import attach, declined

SETTLES_AFTER = 4 * 24 * 3600
"""A bank account's debit is known to have worked after days; four, here."""
FAILED_AUTHENTICATION = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment "
    "method and try again.",
)


def pay(account: Account, intent: Object, *, off_session: bool, refuse_action: bool) -> Object:
    """Try the intent's payment method; a refusal is raised, and leaves its traces first."""
    method = account.find("payment_method", intent["payment_method"])
    behaviour = account.methods[method["id"]]
    asks = behaviour.authentication == "always" or (
        behaviour.authentication == "unless_set_up" and method["id"] not in account.set_up
    )
    if asks and (off_session or refuse_action):
        raise fail(account, intent, method, AUTHENTICATION_REQUIRED)
    if asks:
        account.change(intent, status="requires_action", next_action=_action(account, intent))
        account.emit("payment_intent.requires_action", intent)
        return intent
    return _attempt(account, intent, method)


def authenticated(account: Account, intent: Object, *, passed: bool) -> Object:
    """The customer answered the bank's question; what follows is told by events alone."""
    method = account.find("payment_method", intent["payment_method"])
    account.change(intent, next_action=None)
    try:
        if not passed:
            raise fail(account, intent, method, FAILED_AUTHENTICATION, charged=False)
        return _attempt(account, intent, method)
    except StripeError:
        return intent


def fail(
    account: Account, intent: Object, method: Object, decline: Decline, *, charged: bool = True
) -> StripeError:
    """The attempt failed: the intent waits for another payment method."""
    charge = charge_failed(account, intent, method, decline) if charged else None
    kept = account.get("customer", method["customer"])
    refusal = declined(
        decline,
        charge=charge["id"] if charge else None,
        payment_method=snapshot(method),
    )
    if not kept:
        account.spent.add(method["id"])
    error = refusal.body()["error"]
    account.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        last_payment_error=error,
        next_action=None,
        processing=None,
    )
    account.emit("payment_intent.payment_failed", intent)
    refusal.details["payment_intent"] = snapshot(intent)
    return refusal


def settle(account: Account, intent: Object) -> None:
    """The bank answers for a payment that was processing."""
    if intent["status"] != "processing":
        return
    method = account.find("payment_method", intent["payment_method"])
    decline = account.methods[method["id"]].declines
    charge = account.find("charge", intent["latest_charge"])
    charge_settled(account, charge, decline)
    if decline:
        fail(account, intent, method, decline, charged=False)
    else:
        _succeed(account, intent, charge["amount"])
    for listener in account.settled:
        listener(intent)


def _attempt(account: Account, intent: Object, method: Object) -> Object:
    behaviour = account.methods[method["id"]]
    if behaviour.settles != "at_once":
        return _process(account, intent, method, known=behaviour.settles == "later")
    if behaviour.declines:
        raise fail(account, intent, method, behaviour.declines)
    _keep(account, intent, method)
    held = intent["capture_method"] == "manual"
    account.change(intent, last_payment_error=None)
    if held:
        charge_succeeded(account, intent, method, capture=False)
        account.change(intent, status="requires_capture", amount_capturable=intent["amount"])
        account.emit("payment_intent.amount_capturable_updated", intent)
        return intent
    charge = charge_succeeded(account, intent, method, capture=True)
    _succeed(account, intent, intent["amount"])
    charge_disputed(account, charge)
    return intent


def _process(account: Account, intent: Object, method: Object, *, known: bool) -> Object:
    _keep(account, intent, method)
    charge_pending(account, intent, method)
    account.change(intent, status="processing", processing=None, last_payment_error=None)
    account.emit("payment_intent.processing", intent)
    if known:
        account.later(SETTLES_AFTER, lambda: settle(account, intent))
    return intent


def _succeed(account: Account, intent: Object, amount: int) -> None:
    account.change(intent, status="succeeded", amount_received=amount, processing=None)
    account.emit("payment_intent.succeeded", intent)


def _keep(account: Account, intent: Object, method: Object) -> None:
    """Save the method for later where that was asked; else it was good for this once."""
    usage, customer = intent["setup_future_usage"], intent["customer"]
    if usage and customer:
        attach(account, method, customer)
    if usage == "off_session":
        account.set_up.add(method["id"])
    if not method["customer"]:
        account.spent.add(method["id"])


def _action(account: Account, intent: Object) -> Object:
    target = account.return_urls.get(intent["id"])
    if not target:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    page = f"https://hooks.stripe.com/3d_secure_2/hosted?payment_intent={intent['id']}"
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": target, "url": page}}
