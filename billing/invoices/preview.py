"""What a change of plan would cost: the change is made, looked at, and undone.

So a preview is no second calculation that could differ: whatever decides about the change, its
proration, discounts, taxes and the next fee, decides here.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import Upcoming
from billing.invoices.selectors import InvoiceDocument, invoice_document
from billing.invoices.services.closing import invoices_close
from billing.invoices.services.items import items_pending
from billing.invoices.upcoming import invoice_upcoming
from billing.plans.selectors import plan_version_current
from billing.plans.services import subscription_change, subscription_locked
from billing.prices.currency import minor_units


@dataclass(frozen=True, slots=True)
class PlanChangePreview:
    """What follows if the plan is changed now.

    ``invoice`` is the one that is made at once, None if none is. ``credit_minor`` is what is given
    back beyond it, and waits for the next invoice.
    """

    plan: str
    currency: str
    starts_at: datetime
    invoice: InvoiceDocument | None
    credit_minor: int
    upcoming: Upcoming


def plan_change_preview(
    *, organization: OrganizationRef, actor: Actor, plan: str, time_zone: str | None = None
) -> PlanChangePreview:
    """Return what changing to ``plan`` would cost now. Nothing is kept, nobody is told.

    Raises what the change raises, but PaymentMethodRequired: the price is read before a card is
    saved.
    """
    require_scope(organization)
    version = plan_version_current(code=plan, public_only=True)
    with transaction.atomic():
        # The plan's locks come before the account's, which a close takes.
        subscription_locked(organization)
        # What is due already is no part of the change: it is invoiced before, as in some seconds.
        invoices_close(organization=organization)
        # As if it were assigned: that skips the question for a card, and nothing else of a plan
        # that is on offer.
        changed = subscription_change(
            organization=organization, actor=actor, plan=plan, time_zone=time_zone, assigned=True
        )
        made = [one.id for one in invoices_close(organization=organization)]
        documents = [invoice_document(organization=organization, invoice_id=one) for one in made]
        waiting = [
            minor_units(item.amount, item.currency)
            for item in items_pending(organization)
            if item.currency == version.currency
        ]
        found = PlanChangePreview(
            plan=plan,
            currency=version.currency,
            starts_at=changed.period_ends_at if changed.next_plan else changed.starts_at,
            invoice=next(
                (one for one in documents if one.invoice.currency == version.currency), None
            ),
            credit_minor=max(-sum(waiting), 0),
            upcoming=invoice_upcoming(organization=organization),
        )
        transaction.set_rollback(True)
    return found
