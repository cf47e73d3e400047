"""Tries that ended through no fault of their cards: told to the operator, and made again."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.payments.models import PaymentAttempt
from billing.payments.selectors import attempts_refused
from billing.payments.services.collecting import invoice_retry
from tenants.accounts.selectors import due_of

AGAIN: Final = timedelta(hours=12)
"""When such an invoice is tried again: before the day is over that a step of a ladder has."""
_BATCH: Final = 100


def attempts_refused_due(*, after: UUID) -> list[Due]:
    """Return tries that are to be made again, by id after ``after``. System scope."""
    rows = attempts_refused().filter(id__gt=after, asked_at__lte=clock.now() - AGAIN)
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])


def attempt_refused_again(*, organization: OrganizationRef, attempt_id: UUID) -> None:
    """Collect the invoice of such a try once more. Opens its own scope."""
    with tenant_scope(organization):
        row = PaymentAttempt.objects.get(organization_id=organization.id, id=attempt_id)
        row.asked_at = clock.now()
        row.save(update_fields=["asked_at"])
        if row.invoice_id is not None:
            invoice_retry(organization, row.invoice_id)


def collection_faults() -> list[str]:
    """Return what keeps payments from being collected, in sentences. System scope."""
    rows = attempts_refused(open_too=True).exclude(refusal="")
    newest = rows.order_by("-id").first()
    if newest is None:
        return []
    return [
        f"The payment provider refuses {rows.count()} payments for no fault of their cards, the"
        f" newest because: {newest.refusal} Mend it there or in STRIPE_SECRET_KEY: they are tried"
        " again by themselves."
    ]
