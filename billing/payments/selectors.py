"""Questions to payments."""

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.models import Invoice
from billing.payments.contracts import Purpose
from billing.payments.errors import CardUnknown, CheckoutUnknown
from billing.payments.models import CheckoutSession, Payment, PaymentAttempt, PaymentMethod


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


def cards_list(*, organization: OrganizationRef) -> list[PaymentMethod]:
    """Return the cards that are kept, the default first."""
    require_scope(organization)
    rows = PaymentMethod.objects.filter(organization_id=organization.id, removed_at__isnull=True)
    return list(rows.order_by("-is_default", "-id"))


def card_get(*, organization: OrganizationRef, reference: str) -> PaymentMethod:
    """Return a card by its public id. Raises CardUnknown."""
    require_scope(organization)
    row: PaymentMethod | None = PaymentMethod.objects.filter(
        organization_id=organization.id, id=parse_id("pm_", reference), removed_at__isnull=True
    ).first()
    if row is None:
        raise CardUnknown
    return row


def attempts_rows(*, organization: OrganizationRef) -> QuerySet[PaymentAttempt]:
    """Return the tries to collect, each with its payment, that one's disputes and invoice.

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
        .prefetch_related(Prefetch("payments", queryset=payments.prefetch_related("disputes")))
    )
    return rows


def cards_by_ref(*, organization: OrganizationRef) -> dict[str, PaymentMethod]:
    """Return every card that was ever kept or paid with, by the provider's name."""
    require_scope(organization)
    rows = PaymentMethod.objects.filter(organization_id=organization.id)
    return {row.ref: row for row in rows}


def purpose_of(row: PaymentAttempt) -> Purpose:
    """Return what a try was for."""
    return Purpose.TOP_UP if row.key.startswith(("top_up:", "auto:")) else Purpose.INVOICE
