"""Setup intents: a payment method is saved for later without a payment."""

from typing import Any

from tests.stripe_fake.account import Account, Object, owned, snapshot
from tests.stripe_fake.cards import Decline
from tests.stripe_fake.errors import InvalidRequest, StripeError
from tests.stripe_fake.forms import Params
from tests.stripe_fake.methods import attach, declined, usable
from tests.stripe_fake.pages import page
from tests.stripe_fake.redirects import automatic, return_url_checked, types_checked
from tests.stripe_fake.routing import PAGE, Call, route

WAITING = ("requires_payment_method", "requires_confirmation", "requires_action")
FAILED_AUTHENTICATION = Decline(
    "setup_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment "
    "method and try again.",
)
CHANGES = "customer description metadata payment_method"


@route(
    "POST",
    "/v1/setup_intents",
    f"{CHANGES} usage payment_method_types automatic_payment_methods confirm return_url",
)
def create(account: Account, call: Call) -> Object:
    """Create a setup intent, and try it at once with `confirm`."""
    params = call.params
    intent = new_setup_intent(account, params)
    account.change(
        intent,
        usage=params.choice("usage", "off_session", "on_session") or "off_session",
        **_changes(account, intent, params),
    )
    confirms = bool(params.boolean("confirm"))
    if confirms:
        return_url_checked(intent, params, "SetupIntent")
    account.add(intent)
    account.emit("setup_intent.created", intent)
    return confirm_setup(account, intent) if confirms else intent


@route("GET", "/v1/setup_intents", f"{PAGE} created customer payment_method")
def list_all(account: Account, call: Call) -> Object:
    """List setup intents."""
    wanted = {name: call.params.text(name) for name in ("customer", "payment_method")}
    return page(call, owned(account.all("setup_intent"), **wanted))


@route("GET", "/v1/setup_intents/{intent}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a setup intent."""
    return _found(account, call)


@route("POST", "/v1/setup_intents/{intent}/confirm", "payment_method return_url")
def confirm(account: Account, call: Call) -> Object:
    """Try to save the payment method."""
    intent = _found(account, call)
    if intent["status"] not in WAITING:
        raise _unexpected(
            f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        )
    return_url_checked(intent, call.params, "SetupIntent")
    account.change(intent, **_changes(account, intent, call.params))
    return confirm_setup(account, intent)


@route("POST", "/v1/setup_intents/{intent}/cancel", "cancellation_reason")
def cancel(account: Account, call: Call) -> Object:
    """Give it up."""
    intent = _found(account, call)
    if intent["status"] not in WAITING:
        raise _unexpected(
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}."
        )
    reason = call.params.choice(
        "cancellation_reason", "abandoned", "duplicate", "requested_by_customer"
    )
    account.change(intent, status="canceled", cancellation_reason=reason, next_action=None)
    account.emit("setup_intent.canceled", intent)
    return intent


def confirm_setup(account: Account, intent: Object) -> Object:
    """Save the payment method, or ask its owner, or refuse."""
    if not intent["payment_method"]:
        raise _unexpected(
            "You cannot confirm this SetupIntent because it's missing a payment method."
        )
    method = account.find("payment_method", intent["payment_method"])
    if account.methods[method["id"]].authentication == "never":
        return _save(account, intent, method)
    action = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    account.change(intent, status="requires_action", next_action=action)
    account.emit("setup_intent.requires_action", intent)
    return intent


def setup_authenticated(account: Account, intent: Object, *, passed: bool) -> Object:
    """The customer answered the bank's question; what follows is told by events alone."""
    method = account.find("payment_method", intent["payment_method"])
    try:
        if not passed:
            raise _fail(account, intent, declined(FAILED_AUTHENTICATION))
        return _save(account, intent, method)
    except StripeError:
        return intent


def _save(account: Account, intent: Object, method: Object) -> Object:
    behaviour = account.methods[method["id"]]
    if behaviour.declines and not behaviour.attaches:
        raise _fail(account, intent, declined(behaviour.declines, payment_method=method))
    if intent["customer"]:
        attach(account, method, intent["customer"])
    if intent["usage"] == "off_session":
        account.set_up.add(method["id"])
    account.change(intent, status="succeeded", next_action=None, last_setup_error=None)
    account.emit("setup_intent.succeeded", intent)
    return intent


def _fail(account: Account, intent: Object, refusal: StripeError) -> StripeError:
    error = snapshot(refusal.body()["error"])
    account.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=error,
    )
    account.emit("setup_intent.setup_failed", intent)
    refusal.details["setup_intent"] = snapshot(intent)
    return refusal


def new_setup_intent(account: Account, params: Params) -> Object:
    """A setup intent that waits for a payment method."""
    types = types_checked(params, currency=None)
    name = account.new_id("seti")
    return {
        "id": name,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None if types else automatic(params),
        "cancellation_reason": None,
        "client_secret": f"{name}_secret_{account.new_id('', 25)[1:]}",
        "created": account.clock.seconds,
        "customer": None,
        "description": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": types or ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }


def _changes(account: Account, intent: Object, params: Params) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "customer" in params:
        found = account.find("customer", params.need("customer"), param="customer", status=400)
        changes["customer"] = found["id"]
    if "description" in params:
        changes["description"] = params.text("description")
    if "payment_method" in params:
        method = usable(account, params.need("payment_method"), param="payment_method")
        changes |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return changes | {"metadata": params.metadata(intent["metadata"])}


def _found(account: Account, call: Call) -> Object:
    return account.find("setup_intent", call.ids["intent"], param="intent")


def _unexpected(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="setup_intent_unexpected_state")
