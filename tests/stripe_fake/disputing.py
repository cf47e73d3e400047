"""Disputes: the customer asks the bank for the money back."""

from typing import Any

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.ledger import book

DISPUTE_FEE = 1500
DAYS_TO_ANSWER = 9
_EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure "
    "cancellation_rebuttal customer_communication customer_email_address customer_name "
    "customer_purchase_ip customer_signature duplicate_charge_documentation "
    "duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy "
    "refund_policy_disclosure refund_refusal_explanation service_date service_documentation "
    "shipping_address shipping_carrier shipping_date shipping_documentation "
    "shipping_tracking_number uncategorized_file uncategorized_text"
)


def open_dispute(
    account: Account, charge: Object, *, reason: str, inquiry: bool = False, amount: int = 0
) -> Object:
    """Open one over the whole charge or a part; an inquiry takes no money yet."""
    state = "warning_needs_response" if inquiry else "needs_response"
    dispute = account.add(_dispute(account, charge, reason, state))
    account.change(dispute, amount=amount or charge["amount_captured"])
    account.change(charge, disputed=True)
    account.emit("charge.dispute.created", dispute)
    if not inquiry:
        _move(account, dispute, -dispute["amount"], fee=DISPUTE_FEE)
        account.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def prevent_dispute(account: Account, charge: Object, *, pays: bool) -> Object:
    """End one before it begins: paid at once by the card network's rules, or for nothing."""
    dispute = account.add(_dispute(account, charge, "fraudulent", "prevented"))
    account.change(dispute, amount=charge["amount_captured"], is_charge_refundable=not pays)
    account.change(charge, disputed=True)
    account.emit("charge.dispute.created", dispute)
    if pays:
        _move(account, dispute, -dispute["amount"], fee=0)
        account.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def appeal_dispute(account: Account, dispute: Object, *, answered: bool) -> Object:
    """Whoever lost a dispute asks the card network to decide; the money stays where it is."""
    state = "appeal_under_review" if answered else "appeal_needs_response"
    before = account.change(dispute, status=state)
    account.emit("charge.dispute.updated", dispute, before)
    return dispute


def close_dispute(account: Account, dispute: Object, *, won: bool) -> Object:
    """End it: won gives the money back, lost keeps it with the customer."""
    inquiry = dispute["status"].startswith("warning")
    ended = "warning_closed" if inquiry else "won" if won else "lost"
    before = account.change(dispute, status=ended, is_charge_refundable=inquiry)
    account.emit("charge.dispute.closed", dispute, before)
    withdrawn = -sum(each["amount"] for each in dispute["balance_transactions"])
    if won and not inquiry:
        _move(account, dispute, withdrawn, fee=0)
        account.emit("charge.dispute.funds_reinstated", dispute)
    elif not inquiry and not withdrawn:
        _move(account, dispute, -dispute["amount"], fee=0)
        account.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _move(account: Account, dispute: Object, amount: int, *, fee: int) -> None:
    transaction = book(account, dispute, amount, "adjustment", fee=fee)
    account.change(
        dispute, balance_transactions=[*dispute["balance_transactions"], dict(transaction)]
    )


def _dispute(account: Account, charge: Object, reason: str, state: str) -> dict[str, Any]:
    card = charge["payment_method_details"].get("card") or {}
    inquiry = state.startswith("warning")
    due = account.clock.seconds + DAYS_TO_ANSWER * 24 * 3600
    return {
        "id": account.new_id("du"),
        "object": "dispute",
        "amount": 0,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": account.clock.seconds,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE.split()), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card.get("brand"),
                "case_type": "inquiry"
                if inquiry
                else "resolution"
                if state == "prevented"
                else "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": state,
    }
