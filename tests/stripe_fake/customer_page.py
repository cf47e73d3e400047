"""What a customer does on Stripe's pages: pays, saves a card, authenticates, walks away."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import StripeError
from tests.stripe_fake.forms import Params
from tests.stripe_fake.methods import usable
from tests.stripe_fake.paying import authenticated, pay
from tests.stripe_fake.resources.customers import new_customer
from tests.stripe_fake.resources.payment_intents import new_intent
from tests.stripe_fake.resources.setup_intents import (
    confirm_setup,
    new_setup_intent,
    setup_authenticated,
)

TEXTS = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
"""What a session hands on to the payment intent that it makes."""


def checkout_complete(
    account: Account,
    session_id: str,
    *,
    payment_method: str = "pm_card_visa",
    email: str | None = None,
    authenticates: bool = True,
) -> Object:
    """Use that payment method in an open session; a declined one leaves the session open."""
    session = account.find("checkout.session", session_id)
    if session["status"] != "open":
        raise ValueError(f"This session is {session['status']}: its page takes nothing more.")
    _know_customer(account, session, email)
    if session["mode"] == "setup":
        done = _save_card(account, session, payment_method, authenticates=authenticates)
    else:
        done = _pay(account, session, payment_method, authenticates=authenticates)
    if done:
        account.change(session, status="complete", url=None)
        account.emit("checkout.session.completed", session)
    return session


def portal_save_card(account: Account, customer_id: str, payment_method: str) -> Object:
    """Save a card in the customer portal, and pay with it from now on."""
    customer = account.find("customer", customer_id)
    intent = account.add(new_setup_intent(account, Params({"payment_method_types": ["card"]})))
    method = usable(account, payment_method, param="payment_method")
    account.change(intent, customer=customer_id, payment_method=method["id"])
    account.emit("setup_intent.created", intent)
    if confirm_setup(account, intent)["status"] == "requires_action":
        setup_authenticated(account, intent, passed=True)
    settings = customer["invoice_settings"] | {"default_payment_method": method["id"]}
    account.emit("customer.updated", customer, account.change(customer, invoice_settings=settings))
    return method


def settled_late(account: Account, intent: Object) -> None:
    """A session that was paid from a bank account is told how that ended."""
    for session in owned(account.all("checkout.session"), payment_intent=intent["id"]):
        worked = intent["status"] == "succeeded"
        if worked:
            account.change(session, payment_status="paid")
        ended = "succeeded" if worked else "failed"
        account.emit(f"checkout.session.async_payment_{ended}", session)


def authenticate(account: Account, intent_id: str, *, passed: bool = True) -> Object:
    """Answer the bank's question about a payment or setup intent that asks for it."""
    setting_up = intent_id.startswith("seti_")
    intent = account.find("setup_intent" if setting_up else "payment_intent", intent_id)
    if intent["status"] != "requires_action":
        raise ValueError(f"This intent is {intent['status']}: nobody is asked anything.")
    if setting_up:
        return setup_authenticated(account, intent, passed=passed)
    return authenticated(account, intent, passed=passed)


def _pay(account: Account, session: Object, wanted: str, *, authenticates: bool) -> bool:
    if session["payment_status"] == "no_payment_required":
        return True
    intent = _intent(account, session)
    method = usable(account, wanted, param="payment_method")
    account.change(intent, payment_method=method["id"], status="requires_confirmation")
    try:
        pay(account, intent, off_session=False, refuse_action=False)
    except StripeError:
        return False
    if intent["status"] == "requires_action":
        authenticated(account, intent, passed=authenticates)
    if intent["status"] == "succeeded":
        account.change(session, payment_status="paid")
    return intent["status"] in {"succeeded", "requires_capture", "processing"}


def _save_card(account: Account, session: Object, wanted: str, *, authenticates: bool) -> bool:
    intent = account.find("setup_intent", session["setup_intent"])
    method = usable(account, wanted, param="payment_method")
    account.change(intent, payment_method=method["id"], customer=session["customer"])
    try:
        confirm_setup(account, intent)
    except StripeError:
        return False
    if intent["status"] == "requires_action":
        setup_authenticated(account, intent, passed=authenticates)
    return bool(intent["status"] == "succeeded")


def _intent(account: Account, session: Object) -> Object:
    """The session's payment intent, which is made when somebody first tries to pay."""
    known = account.get("payment_intent", session["payment_intent"])
    if known:
        return known
    data = account.checkout_data[session["id"]]
    asked = {"payment_method_types": session["payment_method_types"]}
    if "capture_method" in data:
        asked["capture_method"] = data.values["capture_method"]
    intent = new_intent(
        account,
        amount=session["amount_total"],
        currency=session["currency"],
        params=Params(asked),
    )
    account.change(
        intent,
        customer=session["customer"],
        metadata=data.metadata(),
        **{name: data.text(name) for name in TEXTS},
    )
    account.add(intent)
    account.emit("payment_intent.created", intent)
    account.change(session, payment_intent=intent["id"])
    return intent


def _know_customer(account: Account, session: Object, email: str | None) -> None:
    customer = account.get("customer", session["customer"])
    address = email or session["customer_email"] or (customer and customer["email"])
    address = address or "customer@example.com"
    if not customer and session["customer_creation"] == "always":
        customer = account.add(new_customer(account, email=address))
        account.emit("customer.created", customer)
    account.change(
        session,
        customer=customer["id"] if customer else None,
        customer_details={
            "address": None,
            "business_name": None,
            "email": address,
            "individual_name": None,
            "name": None,
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
    )
