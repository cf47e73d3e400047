"""`expand`: an id becomes its object, and what is left out by default is put in."""

from typing import Any

from tests.stripe_fake.account import Account, Object, owned, snapshot
from tests.stripe_fake.errors import InvalidParameter
from tests.stripe_fake.pages import list_of

DEEPEST = 4
KINDS = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "default_price": "price",
    "failure_balance_transaction": "balance_transaction",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "product": "product",
    "setup_intent": "setup_intent",
    "source": "charge refund dispute",
}
"""The fields that hold an id, and what it names."""


def expanded(account: Account, answer: Any, paths: list[str]) -> Any:
    """A copy of the answer with those fields expanded."""
    answer = snapshot(answer)
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST:
            raise InvalidParameter(
                f"You cannot expand more than {DEEPEST} levels of a property: {path}",
                param="expand",
            )
        _expand(account, answer, parts, path)
    return answer


def _expand(account: Account, node: Any, parts: list[str], path: str) -> None:
    if not parts or node is None:
        return
    if isinstance(node, list):
        for each in node:
            _expand(account, each, parts, path)
        return
    name, *rest = parts
    node[name] = _inside(account, node, name, path)
    _expand(account, node[name], rest, path)


def _inside(account: Account, node: Object, name: str, path: str) -> Any:
    if (node.get("object"), name) in INCLUDED:
        return snapshot(INCLUDED[node["object"], name](account, node))
    value = node.get(name)
    if isinstance(value, str) and name in KINDS:
        found = (account.get(kind, value) for kind in KINDS[name].split())
        return snapshot(next(each for each in found if each))
    if isinstance(value, dict | list) or (name in node and name in KINDS):
        return value
    raise InvalidParameter(
        f"This property cannot be expanded ({path}). You may want to try expanding "
        "'data' or another property that holds an id.",
        param="expand",
    )


def _refunds(account: Account, charge: Object) -> Object:
    refunds = owned(account.all("refund"), charge=charge["id"])
    return list_of(f"/v1/charges/{charge['id']}/refunds", refunds)


def _line_items(account: Account, session: Object) -> Object:
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return list_of(url, account.line_items[session["id"]])


INCLUDED = {("charge", "refunds"): _refunds, ("checkout.session", "line_items"): _line_items}
