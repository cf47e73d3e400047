"""What each organization brought in a month, and what its device time cost. System scope.

Revenue is the money its captures drew, less refunds, and the bought units it used at the list price
that rules now. Given units and money are told apart and valued alike: nobody paid for them.

Cost is device time at the installation's price per device hour (`ANNEAL_DEVICE_HOUR_PRICE`): the
seconds of jobs that ended in the month, all attempts, and for serving a fixed share per prediction
(`ANNEAL_PREDICTION_SECONDS`), since a batch serves many organizations and its time is none's.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from billing.prices.currency import DEFAULT
from mlworker.jobs.models import FineTuningJob
from tenants.accounts.models import Organization

SHOWN: Final = 100
_HOUR: Final = Decimal(3600)

_MONEY: Final = """
WITH booked AS (
  SELECT e.organization_id, e.unit, g.kind IN ('purchased', 'credit_line') AS paid,
         sum(e.amount) AS amount
  FROM ledger_ledgerentry e JOIN ledger_grant g ON g.id = e.grant_id
  WHERE e.account IN ('revenue', 'receivable') AND e.booked_at >= %s AND e.booked_at < %s
  GROUP BY 1, 2, 3
), priced AS (
  SELECT m.code AS unit, (price_for(NULL, m.code, %s, '{}', clock_timestamp())).unit_amount
  FROM prices_meter m
)
SELECT b.organization_id,
       coalesce(sum(b.amount * coalesce(p.unit_amount, (b.unit = %s)::int))
                FILTER (WHERE b.paid), 0),
       coalesce(sum(b.amount * coalesce(p.unit_amount, (b.unit = %s)::int))
                FILTER (WHERE NOT b.paid), 0),
       coalesce(sum(b.amount) FILTER (WHERE b.unit = 'prediction'), 0)
FROM booked b LEFT JOIN priced p ON p.unit = b.unit GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Margin:
    """One organization's month, in the installation's currency."""

    organization: str
    revenue: Decimal
    given: Decimal
    training_hours: Decimal
    serving_hours: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        """What is left."""
        return self.revenue - self.cost

    @property
    def share(self) -> Decimal | None:
        """What is left of what came in, in per cent; None when nothing did."""
        return self.margin / self.revenue * 100 if self.revenue else None


def margins_read(*, start: datetime, end: datetime) -> list[Margin]:
    """Return who used something in ``[start, end)``, the least margin first."""
    with connection.cursor() as cursor:
        cursor.execute(_MONEY, [start, end, DEFAULT, DEFAULT, DEFAULT])
        money = {row[0]: row[1:] for row in cursor.fetchall()}
    jobs = dict(
        FineTuningJob.objects.filter(finished_at__gte=start, finished_at__lt=end)
        .values_list("organization_id")
        .annotate(total=Sum("seconds"))
        .order_by()
    )
    ids = money.keys() | jobs.keys()
    names = dict(Organization.objects.filter(id__in=ids).values_list("id", "slug"))
    hour = settings.ANNEAL_DEVICE_HOUR_PRICE
    found = []
    for organization_id, slug in names.items():
        revenue, given, predictions = money.get(organization_id, (Decimal(0),) * 3)
        training = Decimal(repr(float(jobs.get(organization_id) or 0))) / _HOUR
        serving = max(Decimal(0), predictions) * settings.ANNEAL_PREDICTION_SECONDS / _HOUR
        cost = (training + serving) * hour
        found.append(Margin(slug, revenue, given, training, serving, cost))
    return sorted(found, key=lambda each: (each.margin, each.organization))
