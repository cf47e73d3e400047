import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy

Client = stripe.StripeClient


def test_every_movement_is_a_transaction_and_the_balance_their_sum(
    fake: StripeFake, client: Client
) -> None:
    paid = buy(client, "pm_card_visa", capture_method="automatic")
    client.v1.refunds.create({"payment_intent": paid.id, "amount": 400})
    disputed = buy(client, "pm_card_createDispute", capture_method="automatic")
    moved = list(client.v1.balance_transactions.list())
    assert [(each.type, each.amount, each.fee) for each in moved] == [
        ("adjustment", -1000, 1500),
        ("charge", 1000, 59),
        ("refund", -400, 0),
        ("charge", 1000, 59),
    ]
    assert all(each.net == each.amount - each.fee for each in moved)
    assert client.v1.balance_transactions.retrieve(moved[-1].id).source == paid.latest_charge
    charge = client.v1.charges.retrieve(disputed.latest_charge, {"expand": ["balance_transaction"]})
    assert charge.balance_transaction.source == disputed.latest_charge
    (pending,) = client.v1.balance.retrieve().pending
    assert (pending.currency, pending.amount) == ("usd", sum(each.net for each in moved))


def test_money_is_available_after_two_days(fake: StripeFake, client: Client) -> None:
    buy(client, "pm_card_visa", capture_method="automatic")
    fake.advance(days=3)
    balance = client.v1.balance.retrieve()
    assert [each.amount for each in balance.available] == [941]
    assert [each.amount for each in balance.pending] == [0]


def test_what_is_captured_asynchronously_is_booked_a_little_later(
    fake: StripeFake, client: Client
) -> None:
    paid = buy(client, "pm_card_visa", expand=["latest_charge.balance_transaction"])
    assert paid.latest_charge.balance_transaction is None
    fake.advance(minutes=1)
    told = fake.all("event")[-1]
    assert told["type"] == "charge.updated"
    assert told["data"]["previous_attributes"] == {"balance_transaction": None}
    (booked,) = client.v1.balance_transactions.list({"source": paid.latest_charge.id})
    assert told["data"]["object"]["balance_transaction"] == booked.id


def test_transactions_are_listed_by_what_moved_them(client: Client) -> None:
    paid = buy(client, "pm_card_visa", capture_method="automatic")
    refund = client.v1.refunds.create({"payment_intent": paid.id})
    of_charge = client.v1.balance_transactions.list(
        {"source": paid.latest_charge, "expand": ["data.source"]}
    )
    assert [each.source.amount for each in of_charge] == [1000]
    of_kind = client.v1.balance_transactions.list({"type": "refund", "currency": "usd"})
    assert [each.source for each in of_kind] == [refund.id]


def test_a_bank_accounts_payment_is_booked_when_it_worked(fake: StripeFake, client: Client) -> None:
    bank = {"payment_method_types": ["us_bank_account"]}
    buy(client, "pm_usBankAccount_success", **bank)
    assert list(client.v1.balance_transactions.list()) == []
    fake.advance(days=5)
    assert [each.type for each in client.v1.balance_transactions.list()] == ["payment"]
