"""What each organization brought in a month, and what its device time cost. System scope.

Revenue is the money its captures drew, less refunds, and the bought units it used at the list price
that rules now, the month's amount rated as a whole: of a package or of tiers no unit has a price.
Given units and money are told apart and valued alike: nobody paid for them. What has no price in
the installation's currency, as money of another one, is named and not valued.

Cost is device time at the installation's price per device hour (`ANNEAL_DEVICE_HOUR_PRICE`): the
seconds of jobs that ended in the month, all attempts, and for serving a fixed share per prediction
(`ANNEAL_PREDICTION_SECONDS`), since a batch serves many organizations and its time is none's.
"""

from collections.abc import Sequence
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
_NOTHING: Final = (Decimal(0), Decimal(0), Decimal(0), (), ())

_MONEY: Final = """
WITH booked AS (
  SELECT e.organization_id, e.unit, g.kind IN ('purchased', 'credit_line') AS paid,
         sum(e.amount) AS amount
  FROM ledger_ledgerentry e JOIN ledger_grant g ON g.id = e.grant_id
  WHERE e.account IN ('revenue', 'receivable') AND e.booked_at >= %s AND e.booked_at < %s
  GROUP BY 1, 2, 3
), priced AS MATERIALIZED (
  SELECT m.code AS unit, price_for(NULL, m.code, %s, '{}', clock_timestamp()) AS price
  FROM prices_meter m
), valued AS (
  SELECT b.*, CASE WHEN b.unit = %s THEN b.amount
                   WHEN (p.price).id IS NOT NULL
                     THEN sign(b.amount) * price_rate(p.price, abs(b.amount)) END AS value
  FROM booked b LEFT JOIN priced p ON p.unit = b.unit
)
SELECT organization_id,
       coalesce(sum(value) FILTER (WHERE paid), 0),
       coalesce(sum(value) FILTER (WHERE NOT paid), 0),
       coalesce(sum(amount) FILTER (WHERE unit = 'prediction'), 0),
       coalesce(array_agg(unit ORDER BY unit, paid) FILTER (WHERE value IS NULL), '{}'),
       coalesce(array_agg(amount ORDER BY unit, paid) FILTER (WHERE value IS NULL), '{}')
FROM valued GROUP BY 1
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
    unvalued: tuple[tuple[str, Decimal], ...] = ()
    """What was used and has no price in that currency: unit and amount."""

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
        cursor.execute(_MONEY, [start, end, DEFAULT, DEFAULT])
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
        revenue, given, predictions, units, amounts = money.get(organization_id, _NOTHING)
        training = Decimal(repr(float(jobs.get(organization_id) or 0))) / _HOUR
        serving = max(Decimal(0), predictions) * settings.ANNEAL_PREDICTION_SECONDS / _HOUR
        cost = (training + serving) * hour
        unvalued = _summed(units, amounts)
        found.append(Margin(slug, revenue, given, training, serving, cost, unvalued))
    return sorted(found, key=lambda each: (each.margin, each.organization))


def _summed(units: Sequence[str], amounts: Sequence[Decimal]) -> tuple[tuple[str, Decimal], ...]:
    """Bought and given of a unit together, without those that came to nothing."""
    sums: dict[str, Decimal] = {}
    for unit, amount in zip(units, amounts, strict=True):
        sums[unit] = sums.get(unit, Decimal(0)) + amount
    return tuple((unit, amount) for unit, amount in sums.items() if amount)
