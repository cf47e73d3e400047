"""Checkout sessions: Stripe's page where a customer pays once, or saves a card."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import InvalidParameter, InvalidRequest, NotServed
from tests.stripe_fake.forms import Params, missing_param
from tests.stripe_fake.money import amount_checked, currency_checked
from tests.stripe_fake.pages import list_of, page
from tests.stripe_fake.redirects import types_checked
from tests.stripe_fake.resources.catalogue import new_price
from tests.stripe_fake.resources.payment_intents import WAITING, cancel_intent
from tests.stripe_fake.resources.setup_intents import new_setup_intent
from tests.stripe_fake.routing import PAGE, Call, route

SHORTEST, LONGEST = 30 * 60, 24 * 3600
MOST_ITEMS = 100
PRICE_DATA = "currency product product_data unit_amount"
PAYMENT_DATA = (
    "capture_method description metadata receipt_email setup_future_usage statement_descriptor "
    "statement_descriptor_suffix"
)


@route(
    "POST",
    "/v1/checkout/sessions",
    "mode success_url cancel_url customer customer_email customer_creation client_reference_id "
    "currency line_items payment_intent_data setup_intent_data payment_method_types metadata "
    "expires_at locale submit_type saved_payment_method_options adaptive_pricing ui_mode",
)
def create(account: Account, call: Call) -> Object:
    """Open a session that takes a payment, or saves a payment method."""
    params = call.params
    mode = params.choice("mode", "payment", "setup", "subscription") or "payment"
    if mode == "subscription":
        raise NotServed("The fake serves the modes payment and setup; we keep subscriptions.")
    if "customer" in params and "customer_email" in params:
        raise InvalidParameter(
            "You may only specify one of these parameters: customer, customer_email.",
            code="parameters_exclusive",
        )
    other = "setup_intent_data" if mode == "payment" else "payment_intent_data"
    if other in params:
        raise InvalidRequest(f"You can not pass `{other}` in `{mode}` mode.", param=other)
    _checked(params, mode)
    session = _session(account, params, mode)
    items = _items(account, params) if mode == "payment" else []
    if mode == "payment":
        _price(session, items)
    else:
        _set_up(account, session, params)
    account.line_items[session["id"]] = items
    account.checkout_data[session["id"]] = params.inside("payment_intent_data", PAYMENT_DATA)
    account.add(session)
    ends_in = session["expires_at"] - session["created"]
    account.later(ends_in, lambda: expire_session(account, session))
    return session


@route("GET", "/v1/checkout/sessions", f"{PAGE} created customer payment_intent status")
def list_all(account: Account, call: Call) -> Object:
    """List sessions."""
    wanted = {name: call.params.text(name) for name in ("customer", "payment_intent", "status")}
    return page(call, owned(account.all("checkout.session"), **wanted))


@route("GET", "/v1/checkout/sessions/{session}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a session."""
    return account.find("checkout.session", call.ids["session"], param="session")


@route("GET", "/v1/checkout/sessions/{session}/line_items", PAGE)
def line_items(account: Account, call: Call) -> Object:
    """List what is sold in a session."""
    session = account.find("checkout.session", call.ids["session"], param="session")
    items = account.line_items[session["id"]]
    return page(call, items) if items else list_of(call.path, [])


@route("POST", "/v1/checkout/sessions/{session}/expire")
def expire(account: Account, call: Call) -> Object:
    """Close an open session, so that nobody pays in it any more."""
    session = account.find("checkout.session", call.ids["session"], param="session")
    if session["status"] != "open":
        raise InvalidRequest(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`."
        )
    return expire_session(account, session)


def expire_session(account: Account, session: Object) -> Object:
    """Close it if it is open; what it waited to collect is given up."""
    if session["status"] != "open":
        return session
    account.change(session, status="expired", url=None)
    intent = account.get("payment_intent", session["payment_intent"])
    if intent and intent["status"] in WAITING:
        cancel_intent(account, intent, reason="automatic")
    account.emit("checkout.session.expired", session)
    return session


def _checked(params: Params, mode: str) -> None:
    """What goes with one mode, or beside some other parameter, alone."""
    params.need("success_url")
    for name in ("customer_creation", "submit_type"):
        if name in params and mode != "payment":
            raise InvalidRequest(f"You can only pass `{name}` in `payment` mode.", param=name)
    if "customer" in params and "customer_creation" in params:
        raise InvalidParameter(
            "You may only specify one of these parameters: customer, customer_creation.",
            code="parameters_exclusive",
        )
    if mode == "setup" and not {"currency", "payment_method_types"} & set(params.values):
        raise missing_param("currency")
    types_checked(params, currency=None)


def _set_up(account: Account, session: Object, params: Params) -> None:
    if "line_items" in params:
        raise InvalidRequest("You can not pass `line_items` in `setup` mode.", param="line_items")
    data = params.inside("setup_intent_data", "description metadata")
    intent = new_setup_intent(
        account, Params({"payment_method_types": session["payment_method_types"]})
    )
    account.change(
        intent,
        customer=session["customer"],
        description=data.text("description"),
        metadata=data.metadata(),
    )
    account.add(intent)
    account.emit("setup_intent.created", intent)
    account.change(session, setup_intent=intent["id"], payment_status="no_payment_required")


def _items(account: Account, params: Params) -> list[Object]:
    asked = params.each("line_items", "price price_data quantity")
    if not asked:
        raise missing_param("line_items")
    if len(asked) > MOST_ITEMS:
        raise InvalidParameter(
            f"Checkout takes at most {MOST_ITEMS} line items.", param="line_items"
        )
    return [_item(account, each) for each in asked]


def _item(account: Account, params: Params) -> Object:
    quantity = params.integer("quantity")
    if quantity is None:
        raise InvalidRequest(
            f"Quantity is required. Add `quantity` to `{params.name('quantity')}`",
            param=params.name("quantity"),
        )
    if wanted := params.text("price"):
        price = account.find("price", wanted, param=params.name("price"), status=400)
    else:
        # A price made in passing cannot be used again.
        made = new_price(account, params.inside("price_data", PRICE_DATA))
        price = account.add(made | {"active": False})
    product = account.find("product", price["product"])
    amount = price["unit_amount"] * quantity
    return {
        "id": account.new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": {},
        "price": dict(price),
        "quantity": quantity,
    }


def _price(session: Object, items: list[Object]) -> None:
    currencies = {each["currency"] for each in items}
    if len(currencies) > 1:
        raise InvalidRequest(
            "All line items in a Checkout Session must have the same currency.",
            param="line_items",
        )
    currency = currencies.pop()
    total = sum(each["amount_total"] for each in items)
    if total:
        amount_checked(total, currency, param="line_items")
    session |= {
        "amount_subtotal": total,
        "amount_total": total,
        "currency": currency,
        "payment_status": "unpaid" if total else "no_payment_required",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    }


def _expiry(account: Account, params: Params) -> int:
    now = account.clock.seconds
    asked = params.integer("expires_at")
    moment = now + LONGEST if asked is None else asked
    # A caller counts from its own clock, so a minute of grace is given.
    if not now + SHORTEST - 60 <= moment <= now + LONGEST + 60:
        raise InvalidRequest(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from "
            "Checkout Session creation.",
            param="expires_at",
        )
    return moment


_NOT_YET = (
    "after_expiration",
    "allow_promotion_codes",
    "amount_subtotal",
    "amount_total",
    "billing_address_collection",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer_details",
    "invoice",
    "invoice_creation",
    "origin_context",
    "payment_intent",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "subscription",
    "total_details",
    "wallet_options",
)
"""What a session has no value for when it is made."""


def _session(account: Account, params: Params, mode: str) -> Object:
    customer = params.text("customer")
    if customer:
        account.find("customer", customer, param="customer", status=400)
    currency = params.text("currency")
    name = account.new_id("cs_test", 58)
    return {
        **dict.fromkeys(_NOT_YET),
        "id": name,
        "object": "checkout.session",
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "adaptive_pricing": {
            "enabled": params.inside("adaptive_pricing", "enabled").boolean("enabled") is not False
        },
        "cancel_url": params.url("cancel_url"),
        "client_reference_id": params.text("client_reference_id"),
        "created": account.clock.seconds,
        "currency": currency_checked(currency) if currency else None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer,
        "customer_creation": None if customer else _creation(params, mode),
        "customer_email": params.text("customer_email"),
        "discounts": [],
        "expires_at": _expiry(account, params),
        "livemode": False,
        "locale": params.text("locale"),
        "metadata": params.metadata(),
        "mode": mode,
        "payment_method_collection": "if_required",
        "payment_method_options": {},
        "payment_method_types": params.texts("payment_method_types") or ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": params.mapping("saved_payment_method_options") or None,
        "shipping_options": [],
        "status": "open",
        "submit_type": params.text("submit_type"),
        "success_url": params.url("success_url"),
        "ui_mode": "hosted_page",
        "url": f"https://checkout.stripe.com/c/pay/{name}",
    }


def _creation(params: Params, mode: str) -> str | None:
    asked = params.choice("customer_creation", "always", "if_required")
    return (asked or "if_required") if mode == "payment" else None
