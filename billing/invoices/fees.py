"""A plan's fee: asked for when a stretch begins, given back in part when it is cut.

What a stretch of a period costs is the fee's share by its real length, to the microsecond, of the
whole period in the customer's zone: days of 23 and 25 hours need no rule of their own.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.events import PeriodCut, PeriodOpened
from billing.invoices.contracts import ItemKind, PaymentStatus
from billing.invoices.fees_unpaid import CUT, FEE, due_net
from billing.invoices.models import Invoice, InvoiceItem, InvoiceLine
from billing.invoices.money import share_of
from billing.invoices.rests import rests_of, worth_left
from billing.invoices.services.items import item_add, item_known
from billing.invoices.services.schedule import schedule_due
from billing.ledger import functions
from billing.plans.models import SubscriptionPeriod

_TICK: Final = timedelta(microseconds=1)


def period_opened(event: PeriodOpened) -> None:
    """Ask for the stretch's fee, and have the period before invoiced.

    A period that was over before it was opened brought nothing and costs nothing.
    """
    row = _period(event.period_id)
    version = row.plan_version
    if not version.fee and not version.credit_line:
        return
    organization = event.organization
    functions.account_open(organization_id=organization.id)
    schedule_due(organization, clock.now())
    fee = _rest(row, row.starts_at)
    if fee and row.whole_ends_at > clock.now():
        item_add(
            organization=organization,
            source=f"{FEE}{row.id}",
            kind=ItemKind.FEE,
            currency=version.currency,
            amount=fee,
            description_code="fee" if row.starts_at == row.whole_starts_at else "fee_share",
            params=_names(row),
            period=(row.starts_at, row.whole_ends_at),
            evidence=_evidence(row),
            due_at=clock.now(),
        )


def period_cut(event: PeriodCut) -> None:
    """Give the rest of the fee back, unless the plan was left at once: its customer was told so."""
    row = _period(event.period_id)
    asked = item_known(event.organization, f"{FEE}{row.id}")
    if event.left or asked is None:
        return
    unused = _worth(asked, _rest(row, row.ends_at))
    if unused:
        item_add(
            organization=event.organization,
            source=f"{CUT}{row.id}",
            kind=ItemKind.FEE,
            currency=row.plan_version.currency,
            amount=-unused,
            description_code="fee_cut",
            params=_names(row),
            period=(row.ends_at, row.whole_ends_at),
            evidence=_evidence(row),
        )


def _worth(asked: InvoiceItem, unused: Decimal) -> Decimal:
    """Return which part of an unused fee was asked for, and is paid or still expected to be.

    Codes and credit notes took the others; what was given up is taken off what would go back.
    """
    if asked.invoice is None:
        return unused
    line = InvoiceLine.objects.get(organization_id=asked.organization_id, item_id=asked.id)
    worth = worth_left(rests_of(asked.invoice), asked.id)
    if not worth:
        return Decimal(0)
    back = share_of(unused, Decimal(worth), Decimal(line.amount_minor))
    return max(back - _given_up(asked.invoice), Decimal(0))


def _given_up(invoice: Invoice) -> Decimal:
    """Return what is expected no more of an invoice, before taxes."""
    given_up = invoice.payment_status == PaymentStatus.UNCOLLECTIBLE
    return due_net(invoice) if given_up else Decimal(0)


def _period(period_id: UUID) -> SubscriptionPeriod:
    row: SubscriptionPeriod = SubscriptionPeriod.objects.select_related("plan_version__plan").get(
        id=period_id
    )
    return row


def _rest(row: SubscriptionPeriod, since: datetime) -> Decimal:
    """Return the fee's share of what is left of the whole period at ``since``."""
    left, whole = row.whole_ends_at - since, row.whole_ends_at - row.whole_starts_at
    return share_of(row.plan_version.fee, Decimal(left // _TICK), Decimal(whole // _TICK))


def _names(row: SubscriptionPeriod) -> dict[str, str]:
    plan = row.plan_version.plan
    return {"plan_en": plan.name_en, "plan_zh": plan.name_zh}


def _evidence(row: SubscriptionPeriod) -> dict[str, str]:
    return {
        "subscription_period": str(row.id),
        "plan": row.plan_version.plan.code,
        "version": str(row.plan_version.version),
        "fee": f"{row.plan_version.fee.normalize():f}",
        "whole_starts_at": row.whole_starts_at.isoformat(),
        "whole_ends_at": row.whole_ends_at.isoformat(),
    }
