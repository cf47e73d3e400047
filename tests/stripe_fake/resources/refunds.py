"""Refunds: money goes back, whole or in parts."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import InvalidParameter, InvalidRequest
from tests.stripe_fake.ledger import book
from tests.stripe_fake.money import step_checked, written
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route

NOT_SENT = ("failed", "canceled")
ENDS_AFTER = 3 * 24 * 3600
"""When a refund that is pending, or that fails, comes to its end."""


@route("POST", "/v1/refunds", "charge payment_intent amount reason metadata")
def create(account: Account, call: Call) -> Object:
    """Refund a charge, or what a payment intent collected."""
    params = call.params
    charge = _charge(account, call)
    amount = params.integer("amount")
    refund = new_refund(account, charge, amount=amount)
    refund |= {
        "reason": params.choice("reason", "duplicate", "fraudulent", "requested_by_customer"),
        "metadata": params.metadata(),
    }
    return _make(account, charge, account.add(refund))


@route("GET", "/v1/refunds", f"{PAGE} created charge payment_intent")
def list_all(account: Account, call: Call) -> Object:
    """List refunds."""
    wanted = {name: call.params.text(name) for name in ("charge", "payment_intent")}
    return page(call, owned(account.all("refund"), **wanted))


@route("GET", "/v1/refunds/{refund}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a refund."""
    return account.find("refund", call.ids["refund"])


@route("POST", "/v1/refunds/{refund}", "metadata")
def update(account: Account, call: Call) -> Object:
    """Change what is written beside a refund."""
    refund = account.find("refund", call.ids["refund"])
    before = account.change(refund, metadata=call.params.metadata(refund["metadata"]))
    if before:
        _tell(account, refund, before)
    return refund


def new_refund(account: Account, charge: Object, *, amount: int | None) -> Object:
    """A refund of `amount`, or of all that is left, if the charge allows it."""
    left = charge["amount_captured"] - _refunded(account, charge)
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise InvalidRequest(
            f"Charge {charge['id']} has not been captured yet, so it cannot be refunded.",
            param="charge",
        )
    if charge["disputed"] and _open_disputes(account, charge):
        raise InvalidRequest(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    if left <= 0:
        raise InvalidRequest(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount is not None and amount < 1:
        raise InvalidParameter(
            "Invalid positive integer", code="parameter_invalid_integer", param="amount"
        )
    if amount is not None and amount > left:
        raise InvalidRequest(
            f"Refund amount ({written(amount, charge['currency'])}) is greater than unrefunded "
            f"amount on charge ({written(left, charge['currency'])})",
            param="amount",
        )
    if amount is not None:
        step_checked(amount, charge["currency"])
    return {
        "id": account.new_id("re"),
        "object": "refund",
        "amount": amount or left,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": account.clock.seconds,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": _destination(charge),
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _destination(charge: Object) -> Object:
    kind = charge["payment_method_details"]["type"]
    return {"type": kind, kind: {"type": "refund"} if kind == "card" else {}}


def _make(account: Account, charge: Object, refund: Object) -> Object:
    behaviour = account.methods[charge["payment_method"]].refund
    transaction = book(account, refund, -refund["amount"], "refund")
    account.change(refund, balance_transaction=transaction["id"])
    _count(account, charge)
    account.emit("charge.refunded", charge)
    if behaviour == "pending":
        account.change(refund, status="pending")
        account.later(ENDS_AFTER, lambda: _succeed(account, refund))
    if behaviour == "failed":
        account.later(ENDS_AFTER, lambda: _fail(account, charge, refund))
    account.emit("refund.created", refund)
    return refund


def _succeed(account: Account, refund: Object) -> None:
    _tell(account, refund, account.change(refund, status="succeeded"))


def _fail(account: Account, charge: Object, refund: Object) -> None:
    """The bank sent the money back: it is on the account again."""
    transaction = book(account, refund, refund["amount"], "refund_failure")
    before = account.change(
        refund,
        status="failed",
        failure_reason="expired_or_canceled_card",
        failure_balance_transaction=transaction["id"],
    )
    _count(account, charge)
    _tell(account, refund, before)
    account.emit("refund.failed", refund)


def _tell(account: Account, refund: Object, before: Object) -> None:
    account.emit("charge.refund.updated", refund, before)
    account.emit("refund.updated", refund, before)


def _count(account: Account, charge: Object) -> None:
    refunded = _refunded(account, charge) + charge["amount"] - charge["amount_captured"]
    account.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])


def _refunded(account: Account, charge: Object) -> int:
    refunds = owned(account.all("refund"), charge=charge["id"])
    return sum(each["amount"] for each in refunds if each["status"] not in NOT_SENT)


def _open_disputes(account: Account, charge: Object) -> list[Object]:
    disputes = owned(account.all("dispute"), charge=charge["id"])
    return [each for each in disputes if not each["is_charge_refundable"]]


def _charge(account: Account, call: Call) -> Object:
    params = call.params
    if intent := params.text("payment_intent"):
        found = account.find("payment_intent", intent, param="payment_intent", status=400)
        if found["latest_charge"] is None or found["status"] != "succeeded":
            raise InvalidRequest(
                f"This PaymentIntent ({intent}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        return account.find("charge", found["latest_charge"])
    if charge := params.text("charge"):
        return account.find("charge", charge, param="charge", status=400)
    raise InvalidParameter(
        "One of the following params should be provided for this request: payment_intent or "
        "charge.",
        code="parameter_missing",
    )
