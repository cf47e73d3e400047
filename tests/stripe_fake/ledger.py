"""The account's balance at Stripe: one balance transaction for each movement of money."""

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.money import fee_of

AVAILABLE_AFTER = 2 * 24 * 3600
CATEGORIES = {"adjustment": "dispute"}


def book(account: Account, source: Object, amount: int, type_: str, *, fee: int = 0) -> Object:
    """Write a movement down; it is available to the account two days later."""
    now = account.clock.seconds
    part = {"amount": fee, "application": None, "currency": source["currency"]}
    transaction = account.add(
        {
            "id": account.new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": now + AVAILABLE_AFTER,
            "balance_type": "payments",
            "created": now,
            "currency": source["currency"],
            "description": source.get("description"),
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [part | {"description": "Stripe processing fees", "type": "stripe_fee"}]
            if fee
            else [],
            "net": amount - fee,
            "reporting_category": CATEGORIES.get(type_, type_),
            "source": source["id"],
            "status": "pending",
            "type": type_,
        }
    )
    account.later(AVAILABLE_AFTER, lambda: transaction.update(status="available"))
    return transaction


def book_charge(account: Account, charge: Object) -> None:
    """Money came in, less Stripe's fee."""
    amount = charge["amount_captured"]
    kind = "payment" if charge["payment_method_details"]["type"] != "card" else "charge"
    transaction = book(account, charge, amount, kind, fee=fee_of(amount))
    account.change(charge, balance_transaction=transaction["id"])
