"""What the next invoice would ask for, if nothing more were used. Nothing is written."""

from datetime import datetime

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import ItemKind, LineDraft, Upcoming
from billing.invoices.models import InvoiceSchedule
from billing.invoices.parties import profile_current, seller_current
from billing.invoices.services.items import items_pending
from billing.invoices.services.making import line_of
from billing.invoices.taxes import rates_for, taxes_on
from billing.invoices.usage import Owed, meter_names, usage_owed
from billing.ledger.selectors import account_get
from billing.plans.models import PlanVersion, Subscription
from billing.plans.selectors import billing_period, period_of
from billing.prices.currency import DEFAULT, minor_units


def invoice_upcoming(*, organization: OrganizationRef) -> Upcoming:
    """Return what waits, what was used on credit so far, and the fee of the next period.

    What a promotion code will take off is known when the invoice is made.
    """
    require_scope(organization)
    now = clock.now()
    period = billing_period(organization=organization, at=now)
    lines = [(item.currency, line_of(item)) for item in items_pending(organization)]
    names = meter_names()
    lines += [
        (owed.currency, _usage_line(owed, names, period)) for owed in usage_owed(organization, now)
    ]
    fee = _next_fee(organization)
    lines += [fee] if fee else []
    currency = account_get(organization=organization).currency or next(iter(lines), (DEFAULT,))[0]
    shown = tuple(line for one, line in lines if one == currency)
    rates, _ = rates_for(profile_current(organization), seller_current())
    schedule = InvoiceSchedule.objects.filter(organization_id=organization.id).first()
    return Upcoming(
        currency=currency,
        closes_at=max(min(schedule.closes_at, period[1]) if schedule else period[1], now),
        lines=shown,
        taxes=taxes_on([line.amount_minor for line in shown], rates),
    )


def _usage_line(
    owed: Owed, names: dict[str, dict[str, str]], period: tuple[datetime, datetime]
) -> LineDraft:
    return LineDraft(
        kind=ItemKind.USAGE,
        description="usage" if owed.price_id else "usage_money",
        params=names.get(owed.meter, {"meter_en": owed.meter, "meter_zh": owed.meter}),
        amount=owed.amount,
        amount_minor=minor_units(owed.amount, owed.currency),
        quantity=owed.units or None,
        starts_at=period[0],
        ends_at=period[1],
    )


def _next_fee(organization: OrganizationRef) -> tuple[str, LineDraft] | None:
    row = (
        Subscription.objects.filter(
            organization_id=organization.id, ends_at__isnull=True, ends_with_period=False
        )
        .select_related("plan_version__plan", "next_version__plan")
        .first()
    )
    version: PlanVersion | None = row and (row.next_version or row.plan_version)
    if row is None or version is None or not version.fee:
        return None
    begins = row.renews_at
    ends = period_of(row.anchor_date, row.time_zone, row.period_months, begins)[1]
    line = LineDraft(
        kind=ItemKind.FEE,
        description="fee",
        params={"plan_en": version.plan.name_en, "plan_zh": version.plan.name_zh},
        amount=version.fee,
        amount_minor=minor_units(version.fee, version.currency),
        starts_at=begins,
        ends_at=ends,
    )
    return version.currency, line
