import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy, types

Client = stripe.StripeClient


def test_a_payment_is_refunded_in_parts_and_never_beyond(fake: StripeFake, client: Client) -> None:
    paid = buy(client, "pm_card_visa")
    first = client.v1.refunds.create(
        {"payment_intent": paid.id, "amount": 400, "reason": "requested_by_customer"}
    )
    assert (first.status, first.charge) == ("succeeded", paid.latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": paid.id, "amount": 601})
    rest = client.v1.refunds.create({"charge": paid.latest_charge})
    assert rest.amount == 600
    charge = client.v1.charges.retrieve(paid.latest_charge, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)
    assert [each.id for each in charge.refunds] == [rest.id, first.id]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"
    assert types(fake)[-4:] == ["charge.refunded", "refund.created"] * 2


def test_what_was_not_paid_is_not_refunded(client: Client) -> None:
    waiting = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="successful charge"):
        client.v1.refunds.create({"payment_intent": waiting.id})
    held = buy(client, "pm_card_visa", capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError, match="not been captured"):
        client.v1.refunds.create({"charge": held.latest_charge})
    with pytest.raises(stripe.InvalidRequestError, match="One of the following"):
        client.v1.refunds.create({"amount": 1})


def test_a_refund_can_be_pending_for_days(fake: StripeFake, client: Client) -> None:
    paid = buy(client, "pm_card_pendingRefund")
    refund = client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "pending"
    fake.advance(days=4)
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert types(fake)[-2:] == ["charge.refund.updated", "refund.updated"]


def test_a_refund_can_fail_after_it_succeeded(fake: StripeFake, client: Client) -> None:
    paid = buy(client, "pm_card_refundFail")
    refund = client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "succeeded"
    fake.advance(days=4)
    failed = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert failed.failure_balance_transaction.amount == 1000
    charge = client.v1.charges.retrieve(paid.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    assert types(fake)[-1] == "refund.failed"


def test_refunds_are_listed_and_described(client: Client) -> None:
    paid, other = buy(client, "pm_card_visa"), buy(client, "pm_card_visa")
    refund = client.v1.refunds.create({"payment_intent": paid.id, "metadata": {"note": "cn_1"}})
    client.v1.refunds.create({"payment_intent": other.id})
    assert [each.id for each in client.v1.refunds.list({"payment_intent": paid.id})] == [refund.id]
    assert [each.id for each in client.v1.refunds.list({"charge": paid.latest_charge})] == [
        refund.id
    ]
    kept = client.v1.refunds.update(refund.id, {"metadata": {"a": "1"}})
    assert kept.metadata.to_dict() == {"note": "cn_1", "a": "1"}
