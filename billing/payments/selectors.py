"""Questions to payments."""

from collections.abc import Iterable
from typing import Final

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from anneal.kernel.errors import DomainError
from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import PaymentStatus
from billing.invoices.models import Invoice
from billing.invoices.selectors import invoice_get
from billing.payments.contracts import (
    DEMO_REF,
    DISPUTES_ENDED,
    REFUNDS_NOT_SENT,
    REFUSED,
    AttemptState,
    Purpose,
)
from billing.payments.errors import (
    CardUnknown,
    CheckoutUnknown,
    PaymentDisputed,
    RefundExceeded,
    RefundSent,
)
from billing.payments.models import (
    CheckoutSession,
    Dispute,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    ProviderEventRow,
    Refund,
)
from billing.payments.provider import refs_current
from billing.payments.provider.amounts import require_chargeable

_INQUIRIES: Final = frozenset({"warning_needs_response", "warning_under_review"})
"""States of disputes in which the money is ours still: a bank asks first."""


def checkout_get(*, organization: OrganizationRef, reference: str) -> CheckoutSession:
    """Return a checkout by its public id. Raises CheckoutUnknown."""
    require_scope(organization)
    row: CheckoutSession | None = (
        CheckoutSession.objects.filter(
            organization_id=organization.id, id=parse_id("cs_", reference)
        )
        .select_related("attempt")
        .first()
    )
    if row is None:
        raise CheckoutUnknown
    return row


def cards_kept(organization: OrganizationRef) -> QuerySet[PaymentMethod]:
    """Return the cards that who collects now can charge."""
    rows: QuerySet[PaymentMethod] = PaymentMethod.objects.filter(
        refs_current("ref"), organization_id=organization.id, removed_at__isnull=True
    )
    return rows


def cards_list(*, organization: OrganizationRef) -> list[PaymentMethod]:
    """Return the cards that are kept, the default first."""
    require_scope(organization)
    return list(cards_kept(organization).order_by("-is_default", "-id"))


def card_get(*, organization: OrganizationRef, reference: str) -> PaymentMethod:
    """Return a card by its public id. Raises CardUnknown."""
    require_scope(organization)
    row = cards_kept(organization).filter(id=parse_id("pm_", reference)).first()
    if row is None:
        raise CardUnknown
    return row


def attempts_rows(*, organization: OrganizationRef) -> QuerySet[PaymentAttempt]:
    """Return the tries to collect, each with its payment, that one's refunds, disputes and invoice.

    The invoice's id and number are in ``paid_invoice_id`` and ``invoice_number``: credit that is
    bought has its invoice from its payment.
    """
    require_scope(organization)
    payments = Payment.objects.filter(organization_id=organization.id)
    theirs = payments.filter(attempt_id=OuterRef("id")).values("invoice_id")[:1]
    invoices = Invoice.objects.filter(
        organization_id=organization.id, id=OuterRef("paid_invoice_id")
    )
    rows: QuerySet[PaymentAttempt] = (
        PaymentAttempt.objects.filter(organization_id=organization.id)
        .annotate(paid_invoice_id=Coalesce("invoice_id", Subquery(theirs)))
        .annotate(invoice_number=Subquery(invoices.values("number")[:1]))
        .prefetch_related(
            Prefetch("payments", queryset=payments.prefetch_related("refunds", "disputes"))
        )
    )
    return rows


def cards_by_ref(*, organization: OrganizationRef) -> dict[str, PaymentMethod]:
    """Return every card that was ever kept or paid with, by the provider's name."""
    require_scope(organization)
    rows = PaymentMethod.objects.filter(organization_id=organization.id)
    return {row.ref: row for row in rows}


def attempts_refused(*, open_too: bool = False) -> QuerySet[PaymentAttempt]:
    """Return the last tries of unpaid invoices that failed though no card was asked. System scope.

    ``open_too``: and those that wait for an answer.
    """
    mine = {"organization_id": OuterRef("organization_id")}
    later = PaymentAttempt.objects.filter(
        **mine, invoice_id=OuterRef("invoice_id"), id__gt=OuterRef("id")
    )
    unpaid = Invoice.objects.filter(
        **mine, id=OuterRef("invoice_id"), payment_status=PaymentStatus.OPEN
    )
    states = Q(state=AttemptState.FAILED, failure__in=REFUSED)
    if open_too:
        states |= Q(state=AttemptState.OPEN)
    rows: QuerySet[PaymentAttempt] = PaymentAttempt.objects.filter(
        states, ~Exists(later), Exists(unpaid)
    )
    return rows


def purpose_of(row: PaymentAttempt) -> Purpose:
    """Return what a try was for."""
    return Purpose.TOP_UP if row.key.startswith(("top_up:", "auto:")) else Purpose.INVOICE


def payment_left(*, organization: OrganizationRef, payment: Payment) -> int:
    """Return how much of a payment can go back by a credit note, in coins.

    A note lowers what is still to be paid first, so nothing goes back while something is.
    """
    require_scope(organization)
    if payment.invoice_id is None:
        return 0
    invoice = invoice_get(organization=organization, invoice_id=payment.invoice_id)
    if invoice.due_minor:
        return 0
    return min(
        payment.amount_minor - payment.refunded_minor,
        invoice.total_minor - invoice.credited_minor,
    )


def payment_disputed(payment: Payment) -> bool:
    """Say whether a bank asks a payment back, or has taken it back."""
    disputes = Dispute.objects.filter(organization_id=payment.organization_id, payment=payment)
    asked = ~Q(state__in=DISPUTES_ENDED | _INQUIRIES)
    return bool(disputes.filter(Q(booked=True) | asked).exists())


def refund_tries(first: Refund) -> list[Refund]:
    """Return a refund and what was sent for it again, in their order."""
    tries = (
        each
        for each in first.payment.refunds.all()
        if each.id == first.id or each.key.startswith(f"{first.key}:")
    )
    return sorted(tries, key=lambda each: each.id)


def refund_room(payment: Payment) -> int:
    """Return what is still there of a payment, whatever is to go back of it, in coins."""
    refunds = Refund.objects.filter(organization_id=payment.organization_id, payment=payment)
    sent = refunds.exclude(state__in=REFUNDS_NOT_SENT).aggregate(sum=Sum("amount_minor"))["sum"]
    return payment.amount_minor - (sent or 0)


def refund_failed(row: Refund) -> bool:
    """Say whether a refund that its payment counts did not arrive, whatever was sent for it."""
    return row.booked and all(each.state in REFUNDS_NOT_SENT for each in refund_tries(row))


def refunded_minor(payment: Payment) -> int:
    """Return what has gone back of a payment or is on its way, in coins."""
    failed = (row.amount_minor for row in payment.refunds.all() if refund_failed(row))
    return payment.refunded_minor - sum(failed)


def refund_require_resendable(row: Refund) -> None:
    """Refuse to send a refund again that did not fail, or that nothing is left for.

    Raises RefundSent, PaymentDisputed, RefundExceeded, AmountInvalid.
    """
    if not refund_failed(row):
        raise RefundSent
    if payment_disputed(row.payment):
        raise PaymentDisputed
    if row.amount_minor > refund_room(row.payment):
        raise RefundExceeded
    require_chargeable(row.amount_minor, row.currency)


def refund_resendable(row: Refund) -> bool:
    """Say whether a refund can be sent again."""
    try:
        refund_require_resendable(row)
    except DomainError:
        return False
    return True


def provider_of(row: PaymentAttempt) -> str:
    """Return who was asked to collect; empty where nobody was."""
    refs = [ref for ref in (row.intent_ref, row.session_ref, row.card_ref) if ref]
    if not refs:
        return ""
    return "demo" if refs[0].startswith(DEMO_REF) else "stripe"


def events_about(*, refs: Iterable[str], intent: str) -> QuerySet[ProviderEventRow]:
    """Return what the provider told of these things, or of this payment. System scope."""
    about = Q(object_ref__in=[ref for ref in refs if ref])
    if intent:
        about |= Q(intent_ref=intent)
    return ProviderEventRow.objects.filter(about).order_by("occurred_at", "id")
