"""When an organization's next invoice is made."""

from datetime import datetime

from anneal.kernel import clock
from anneal.kernel.events import CreditLineGiven
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.models import InvoiceSchedule
from billing.plans.selectors import billing_period


def schedule_due(organization: OrganizationRef, at: datetime) -> None:
    """Have an invoice made at ``at`` or before. The account is locked."""
    rows = InvoiceSchedule.objects.filter(organization_id=organization.id)
    if rows.filter(closes_at__gt=at).update(closes_at=at) or rows.exists():
        return
    begins_at = billing_period(organization=organization, at=clock.now())[0]
    InvoiceSchedule(
        organization_id=organization.id,
        closes_at=at,
        closed_until=begins_at,
        begins_at=begins_at,
        usage_from=begins_at,
    ).save(force_insert=True)


def credit_line_given(event: CreditLineGiven) -> None:
    """Have what is used on credit invoiced at the end of the billing period."""
    period = billing_period(organization=event.organization, at=clock.now())
    schedule_due(event.organization, period[1])
