import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy, types

Client = stripe.StripeClient


def dispute_of(client: Client, paid: stripe.PaymentIntent) -> stripe.Dispute:
    (dispute,) = client.v1.disputes.list({"payment_intent": paid.id})
    return dispute


def test_a_dispute_takes_the_money_and_a_fee(fake: StripeFake, client: Client) -> None:
    paid = buy(client, "pm_card_createDispute")
    dispute = dispute_of(client, paid)
    assert (dispute.status, dispute.reason, dispute.amount) == (
        "needs_response",
        "fraudulent",
        1000,
    )
    (taken,) = dispute.balance_transactions
    assert (taken.amount, taken.fee, taken.net) == (-1000, 1500, -2500)
    assert client.v1.charges.retrieve(paid.latest_charge).disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    assert types(fake)[-3:] == [
        "payment_intent.succeeded",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]


def test_winning_evidence_brings_the_money_back(fake: StripeFake, client: Client) -> None:
    dispute = dispute_of(client, buy(client, "pm_card_createDisputeProductNotReceived"))
    won = client.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}}
    )
    assert (won.status, len(won.balance_transactions)) == ("won", 2)
    assert sum(each.amount for each in won.balance_transactions) == 0
    assert types(fake)[-3:] == [
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]


def test_losing_evidence_and_giving_up_end_the_same(client: Client) -> None:
    first = dispute_of(client, buy(client, "pm_card_createDispute"))
    second = dispute_of(client, buy(client, "pm_card_createDispute"))
    lost = client.v1.disputes.update(
        first.id, {"evidence": {"uncategorized_text": "losing_evidence"}}
    )
    given_up = client.v1.disputes.close(second.id)
    assert (lost.status, given_up.status) == ("lost", "lost")
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.v1.disputes.close(first.id)


def test_evidence_waits_until_it_is_submitted_and_then_for_the_bank(client: Client) -> None:
    dispute = dispute_of(client, buy(client, "pm_card_createDispute"))
    draft = client.v1.disputes.update(
        dispute.id, {"evidence": {"customer_name": "Ada"}, "submit": False}
    )
    assert (draft.status, draft.evidence.customer_name) == ("needs_response", "Ada")
    sent = client.v1.disputes.update(
        dispute.id, {"evidence": {"product_description": "A model"}, "metadata": {"a": "1"}}
    )
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    assert client.v1.disputes.retrieve(dispute.id).evidence.customer_name == "Ada"


def test_an_inquiry_takes_nothing_and_leaves_refunds_possible(
    fake: StripeFake, client: Client
) -> None:
    paid = buy(client, "pm_card_createDisputeInquiry")
    dispute = dispute_of(client, paid)
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert client.v1.refunds.create({"payment_intent": paid.id}).status == "succeeded"
    assert fake.dispute_close(dispute.id, won=True)["status"] == "warning_closed"


def test_a_customer_disputes_a_part_months_later(fake: StripeFake, client: Client) -> None:
    paid = buy(client, "pm_card_visa")
    fake.advance(days=60)
    opened = fake.dispute(paid.latest_charge, reason="product_not_received", amount=300)
    (listed,) = client.v1.disputes.list({"charge": paid.latest_charge})
    assert (listed.id, listed.amount) == (opened["id"], 300)
    assert fake.dispute_close(listed.id, won=False)["status"] == "lost"


@pytest.mark.parametrize(("first", "then"), [(False, True), (True, False), (False, False)])
def test_an_appeal_may_turn_what_was_decided(
    fake: StripeFake, client: Client, first: bool, then: bool
) -> None:
    dispute = dispute_of(client, buy(client, "pm_card_createDispute"))
    fake.dispute_close(dispute.id, won=first)
    fake.dispute_appeal(dispute.id, answered=False)
    assert client.v1.disputes.retrieve(dispute.id).status == "appeal_needs_response"
    fake.dispute_appeal(dispute.id)
    assert client.v1.disputes.retrieve(dispute.id).status == "appeal_under_review"

    fake.dispute_close(dispute.id, won=then)

    ended = client.v1.disputes.retrieve(dispute.id)
    assert ended.status == ("won" if then else "lost")
    assert sum(each.amount for each in ended.balance_transactions) == (0 if then else -1000)
