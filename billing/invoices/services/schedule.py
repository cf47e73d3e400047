"""When an organization's next invoice is made."""

from datetime import datetime

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.models import InvoiceSchedule
from billing.plans.selectors import billing_period


def schedule_due(organization: OrganizationRef, at: datetime) -> None:
    """Have an invoice made at ``at`` or before. The account is locked."""
    rows = InvoiceSchedule.objects.filter(organization_id=organization.id)
    if rows.filter(closes_at__gt=at).update(closes_at=at) or rows.exists():
        return
    InvoiceSchedule(
        organization_id=organization.id,
        closes_at=at,
        closed_until=billing_period(organization=organization, at=clock.now())[0],
    ).save(force_insert=True)
