"""Payment intents: one for each thing that is to be paid."""

from typing import Any

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.charging import charge_capture, charge_disputed
from tests.stripe_fake.errors import InvalidParameter, InvalidRequest, missing
from tests.stripe_fake.forms import Params
from tests.stripe_fake.methods import usable
from tests.stripe_fake.money import amount_checked, currency_checked
from tests.stripe_fake.pages import page
from tests.stripe_fake.paying import pay
from tests.stripe_fake.redirects import automatic, return_url_checked, types_checked
from tests.stripe_fake.routing import PAGE, Call, route

WAITING = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*WAITING, "requires_capture", "processing")
BANKS = "us_bank_account"
TEXTS = "description receipt_email statement_descriptor statement_descriptor_suffix"
CHANGES = f"amount currency customer payment_method setup_future_usage metadata {TEXTS}"
CONFIRMING = "off_session return_url error_on_requires_action"


@route(
    "POST",
    "/v1/payment_intents",
    f"{CHANGES} {CONFIRMING} automatic_payment_methods payment_method_types capture_method confirm",
)
def create(account: Account, call: Call) -> Object:
    """Create a payment intent, and try to collect it at once with `confirm`."""
    params = call.params
    confirms = bool(params.boolean("confirm"))
    for name in CONFIRMING.split():
        if name in params and not confirms:
            raise InvalidRequest(
                f"The parameter `{name}` cannot be passed when creating a PaymentIntent unless "
                "`confirm` is set to true.",
                param=name,
            )
    currency = currency_checked(params.need("currency"))
    amount = amount_checked(params.need_integer("amount"), currency)
    intent = new_intent(account, amount=amount, currency=currency, params=params)
    account.change(intent, **_changes(account, intent, params))
    if confirms:
        _confirm_checked(intent, params)
    account.add(intent)
    account.emit("payment_intent.created", intent)
    return _confirm(account, intent, params) if confirms else intent


@route("GET", "/v1/payment_intents", f"{PAGE} created customer")
def list_all(account: Account, call: Call) -> Object:
    """List payment intents, of one customer if that is asked."""
    return page(call, owned(account.all("payment_intent"), customer=call.params.text("customer")))


@route("GET", "/v1/payment_intents/{intent}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a payment intent."""
    return _found(account, call)


@route("POST", "/v1/payment_intents/{intent}", CHANGES)
def update(account: Account, call: Call) -> Object:
    """Change what was not paid yet; words may be changed at any time."""
    intent = _found(account, call)
    ended = {"amount", "currency", "customer", "payment_method"} & set(call.params.values)
    if ended and intent["status"] not in WAITING:
        raise _unexpected(
            intent,
            f"This PaymentIntent's {min(ended)} could not be updated because it has a status of "
            f"{intent['status']}. You may only update the {min(ended)} of a PaymentIntent with "
            f"one of the following statuses: {', '.join(WAITING)}.",
        )
    account.change(intent, **_changes(account, intent, call.params))
    return intent


@route(
    "POST",
    "/v1/payment_intents/{intent}/confirm",
    f"{CONFIRMING} payment_method setup_future_usage receipt_email",
)
def confirm(account: Account, call: Call) -> Object:
    """Try to collect it."""
    intent = _found(account, call)
    if intent["status"] not in WAITING:
        ended = {"succeeded": "already succeeded after being previously confirmed"}
        why = ended.get(intent["status"], f"a status of {intent['status']}")
        raise _unexpected(intent, f"You cannot confirm this PaymentIntent because it has {why}.")
    changes = _changes(account, intent, call.params)
    _confirm_checked(intent | changes, call.params)
    account.change(intent, **changes)
    return _confirm(account, intent, call.params)


@route("POST", "/v1/payment_intents/{intent}/capture", "amount_to_capture metadata")
def capture(account: Account, call: Call) -> Object:
    """Take the money that was held."""
    intent = _found(account, call)
    if intent["status"] != "requires_capture":
        raise _unexpected(
            intent,
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may "
            "be captured: requires_capture.",
        )
    asked = call.params.integer("amount_to_capture")
    amount = intent["amount_capturable"] if asked is None else asked
    if amount < 1:
        raise InvalidParameter(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount_to_capture",
        )
    if amount > intent["amount_capturable"]:
        raise InvalidRequest(
            "The requested capture amount is greater than the authorized amount.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = account.find("charge", intent["latest_charge"])
    charge_capture(account, charge, amount)
    account.emit("charge.captured", charge)
    account.change(
        intent,
        status="succeeded",
        amount_received=amount,
        amount_capturable=0,
        metadata=call.params.metadata(intent["metadata"]),
    )
    account.emit("payment_intent.succeeded", intent)
    charge_disputed(account, charge)
    return intent


@route("POST", "/v1/payment_intents/{intent}/cancel", "cancellation_reason")
def cancel(account: Account, call: Call) -> Object:
    """Give it up; what was held is let go."""
    intent = _found(account, call)
    reason = call.params.choice(
        "cancellation_reason", "abandoned", "duplicate", "fraudulent", "requested_by_customer"
    )
    if intent["status"] not in CANCELABLE:
        raise _unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. "
            "Only a PaymentIntent with one of the following statuses may be canceled: "
            f"{', '.join(CANCELABLE)}.",
        )
    if any(each["status"] == "open" for each in _sessions(account, intent)):
        raise InvalidRequest(
            "You cannot cancel this PaymentIntent because it belongs to an open Checkout "
            "Session. Expire the Checkout Session instead.",
        )
    return cancel_intent(account, intent, reason=reason)


def cancel_intent(account: Account, intent: Object, *, reason: str | None) -> Object:
    """Cancel it, and let go of what was held."""
    charge = account.get("charge", intent["latest_charge"])
    if charge and intent["status"] == "requires_capture":
        account.change(charge, refunded=True, amount_refunded=charge["amount"])
    account.change(
        intent,
        status="canceled",
        amount_capturable=0,
        canceled_at=account.clock.seconds,
        cancellation_reason=reason,
        next_action=None,
    )
    account.emit("payment_intent.canceled", intent)
    return intent


def new_intent(account: Account, *, amount: int, currency: str, params: Params) -> Object:
    """An intent that waits for a payment method."""
    types = types_checked(params, currency=currency)
    name = account.new_id("pi")
    enabled = ["card", BANKS] if currency == "usd" else ["card"]
    return {
        "id": name,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None if types else automatic(params),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.choice("capture_method", "automatic", "automatic_async", "manual")
        or "automatic_async",
        "client_secret": f"{name}_secret_{account.new_id('', 25)[1:]}",
        "confirmation_method": "automatic",
        "created": account.clock.seconds,
        "currency": currency,
        "customer": None,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": types or enabled,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def _changes(account: Account, intent: Object, params: Params) -> dict[str, Any]:
    changes: dict[str, Any] = {name: params.text(name) for name in TEXTS.split() if name in params}
    if "currency" in params:
        changes["currency"] = currency_checked(params.need("currency"))
    if "amount" in params:
        currency: str = changes.get("currency") or intent["currency"]
        changes["amount"] = amount_checked(params.need_integer("amount"), currency)
    if "customer" in params:
        found = account.find("customer", params.need("customer"), param="customer", status=400)
        changes["customer"] = found["id"]
    if "setup_future_usage" in params:
        usage = params.choice("setup_future_usage", "off_session", "on_session")
        changes["setup_future_usage"] = usage
    if "payment_method" in params:
        method = usable(account, params.need("payment_method"), param="payment_method")
        _method_checked(method, changes.get("customer", intent["customer"]), intent)
        waits = intent["status"] in {"requires_payment_method", "requires_action"}
        changes |= {"payment_method": method["id"], "next_action": None}
        changes |= {"status": "requires_confirmation"} if waits else {}
    return changes | {"metadata": params.metadata(intent["metadata"])}


def _method_checked(method: Object, customer: str | None, intent: Object) -> None:
    owner = method["customer"]
    if owner and not customer:
        raise InvalidRequest(
            f"The `payment_method` parameter supplied {method['id']} belongs to the Customer "
            f"{owner}. Please include the Customer in the `customer` parameter on the "
            "PaymentIntent.",
            param="payment_method",
        )
    if owner and owner != customer:
        raise missing("payment_method", method["id"], param="payment_method", status=400)
    if method["type"] not in intent["payment_method_types"]:
        raise InvalidRequest(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this "
            "PaymentIntent. Please attempt to confirm the PaymentIntent again with a "
            "PaymentMethod of an allowed type.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )


def _confirm_checked(intent: Object, params: Params) -> None:
    """What makes a confirmation impossible before anything is tried."""
    return_url_checked(intent, params, "PaymentIntent")
    if not intent["payment_method"]:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You "
            "can either update the PaymentIntent with a payment method and then confirm it "
            "again, or confirm it again directly with a payment method.",
            code="payment_intent_unexpected_state",
        )


def _confirm(account: Account, intent: Object, params: Params) -> Object:
    if url := params.url("return_url"):
        account.return_urls[intent["id"]] = url
    account.change(intent, next_action=None)
    # `off_session` is true, or one of two words that mean it too.
    away = params.text("off_session") or "false"
    if away not in {"true", "false", "one_off", "recurring"}:
        raise InvalidParameter("Invalid off_session", param="off_session")
    refuses = bool(params.boolean("error_on_requires_action"))
    return pay(account, intent, off_session=away != "false", refuse_action=refuses)


def _found(account: Account, call: Call) -> Object:
    return account.find("payment_intent", call.ids["intent"], param="intent")


def _sessions(account: Account, intent: Object) -> list[Object]:
    return owned(account.all("checkout.session"), payment_intent=intent["id"])


def _unexpected(intent: Object, message: str) -> InvalidRequest:
    return InvalidRequest(
        message, code="payment_intent_unexpected_state", payment_intent=dict(intent)
    )
