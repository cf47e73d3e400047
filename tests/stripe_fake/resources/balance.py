"""The account's balance at Stripe, and the movements that make it."""

from collections import Counter

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route


@route("GET", "/v1/balance")
def retrieve(account: Account, call: Call) -> Object:
    """What is available and what is still on its way, by currency."""
    sums: dict[str, Counter[str]] = {"available": Counter(), "pending": Counter()}
    for each in account.all("balance_transaction"):
        sums[each["status"]][each["currency"]] += each["net"]
        sums["available"][each["currency"]] += 0
        sums["pending"][each["currency"]] += 0
    lists = {
        name: [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(by_currency.items())
        ]
        for name, by_currency in sums.items()
    }
    return {"object": "balance", "livemode": False, **lists}


@route("GET", "/v1/balance_transactions", f"{PAGE} created currency source type")
def list_all(account: Account, call: Call) -> Object:
    """List the movements."""
    wanted = {name: call.params.text(name) for name in ("currency", "source", "type")}
    return page(call, owned(account.all("balance_transaction"), **wanted))


@route("GET", "/v1/balance_transactions/{id}")
def retrieve_transaction(account: Account, call: Call) -> Object:
    """Retrieve a movement."""
    return account.find("balance_transaction", call.ids["id"])
