"""What the running period will come to.

A straight line is fitted, by least squares, to the daily sums of up to 14 whole days before today
(UTC), not earlier than the first usage in them; with fewer than three such days their mean stands
for it. What is still to come is the line over the rest of the period, never below zero, and today
counts with the part of it that is left. The band is 1.28 standard deviations of the days around
the line, times the root of the days to come: four of five outcomes lie inside when days scatter
independently. A bound is never below what is used already.

Money is what those units cost in the account's currency at the prices that rule now, before any
credit. What is still to come
is shared among the classes of usage (task, tier, channel) as these days and this period were.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.metering.contracts import Forecast, MeterForecast, Range
from billing.prices.contracts import PriceTerms
from billing.prices.currency import DEFAULT
from billing.prices.models import Price
from billing.prices.rating import due
from billing.prices.selectors import price_terms

TRAILING: Final = 14
FEWEST: Final = 3
DEVIATIONS: Final = 1.28
_DAY: Final = timedelta(days=1)
_STEP: Final = Decimal("0.000001")

_PERIOD: Final = """
SELECT lower(p), upper(p),
       coalesce((SELECT nullif(a.currency, '') FROM ledger_customeraccount a
                 WHERE a.organization_id = %(of)s), %(list)s)
FROM billing_period(%(of)s, %(now)s) p
"""
# Two spans, since a period may begin within an hour, and a sum of that hour cannot be cut.
_DAYS: Final = """
SELECT (u.at AT TIME ZONE 'UTC')::date, u.meter, u.class::text, u.inside, sum(u.units)
FROM (SELECT b.*, false AS inside FROM usage_between(%(of)s, %(first)s, %(start)s) b
      UNION ALL
      SELECT i.*, true FROM usage_between(%(of)s, %(start)s, %(now)s) i) u
GROUP BY 1, 2, 3, 4
"""
_PRICES: Final = """
SELECT c.meter, c.class::text, (price_for(%s, c.meter, %s, c.class, %s)).id
FROM unnest(%s::text[], %s::jsonb[]) AS c (meter, class)
"""

Kind = tuple[str, str]
"""A meter and a class of its usage, as JSON."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The period's usage, that of period and trailing days together, and the days by meter."""

    used: dict[Kind, Decimal]
    mix: dict[Kind, Decimal]
    days: dict[str, dict[int, float]]


def forecast_read(*, organization: OrganizationRef) -> Forecast:
    """Return the running period's forecast. Four statements, however much was used."""
    require_scope(organization)
    now = clock.now()
    start, end, currency = _period(organization, now)
    seen = _usage(organization, start, now)
    terms = _terms(organization, now, currency, list(seen.mix))
    meters = tuple(
        _meter(meter, seen, terms, now, end) for meter in sorted({pair[0] for pair in seen.mix})
    )
    priced = [each for each in meters if each.amount is not None and each.amount_used is not None]
    return Forecast(
        start=start,
        end=end,
        currency=currency,
        meters=meters,
        amount_used=sum((each.amount_used or Decimal(0) for each in priced), Decimal(0)),
        amount=Range(
            *(
                sum((getattr(each.amount, side) for each in priced), Decimal(0))
                for side in ("low", "expected", "high")
            )
        ),
    )


def line(days: dict[int, float], ahead: float, today: int) -> tuple[float, float]:
    """Return what ``ahead`` days from day ``today`` on will bring, and its standard deviation.

    ``days`` are sums by number of the day, before ``today``; a day left out had none. ``ahead`` may
    begin with a part of today.
    """
    if not days or ahead <= 0:
        return 0.0, 0.0
    numbers = list(range(min(days), today))
    values = [days.get(number, 0.0) for number in numbers]
    count = len(values)
    mean = math.fsum(values) / count
    slope = 0.0
    middle = math.fsum(numbers) / count
    if count >= FEWEST:
        spread = math.fsum((number - middle) ** 2 for number in numbers)
        slope = math.fsum(
            (number - middle) * value for number, value in zip(numbers, values, strict=True)
        )
        slope /= spread
    rests = [
        value - (mean + slope * (number - middle))
        for number, value in zip(numbers, values, strict=True)
    ]
    freedom = max(1, count - (2 if count >= FEWEST else 1))
    deviation = math.sqrt(math.fsum(rest * rest for rest in rests) / freedom)
    if count < FEWEST:
        deviation = max(deviation, mean)  # one or two days tell nothing of how days differ
    whole = math.ceil(ahead)
    part = ahead - (whole - 1)  # of today; the days after it are whole
    total = math.fsum(
        max(0.0, mean + slope * (today + number - middle)) * (part if number == 0 else 1.0)
        for number in range(whole)
    )
    return total, deviation * math.sqrt(ahead)


def _period(organization: OrganizationRef, now: datetime) -> tuple[datetime, datetime, str]:
    """Return the period's ends, and the account's currency: the list's where it has no money."""
    with connection.cursor() as cursor:
        cursor.execute(_PERIOD, {"of": organization.id, "now": now, "list": DEFAULT})
        start, end, currency = cursor.fetchone()
    return start.astimezone(UTC), end.astimezone(UTC), currency


def _usage(organization: OrganizationRef, start: datetime, now: datetime) -> _Seen:
    today = now.astimezone(UTC).date()
    first = datetime(today.year, today.month, today.day, tzinfo=UTC) - TRAILING * _DAY
    seen = _Seen(
        defaultdict(Decimal), defaultdict(Decimal), defaultdict(lambda: defaultdict(float))
    )
    with connection.cursor() as cursor:
        span = {"first": min(first, start), "start": start, "now": now}
        cursor.execute(_DAYS, {"of": organization.id, **span})
        for day, meter, kind, inside, units in cursor.fetchall():
            seen.mix[meter, kind] += units
            if inside:
                seen.used[meter, kind] += units
            if first.date() <= day < today:
                seen.days[meter][_number(day)] += float(units)
    return seen


def _terms(
    organization: OrganizationRef, now: datetime, currency: str, kinds: list[Kind]
) -> dict[Kind, PriceTerms]:
    with connection.cursor() as cursor:
        cursor.execute(
            _PRICES,
            [
                organization.id,
                currency,
                now,
                [meter for meter, _ in kinds],
                [kind for _, kind in kinds],
            ],
        )
        ids = {(meter, kind): price for meter, kind, price in cursor.fetchall() if price}
    rows = {row.id: price_terms(row) for row in Price.objects.filter(id__in=set(ids.values()))}
    return {pair: rows[price] for pair, price in ids.items()}


def _meter(
    meter: str, seen: _Seen, terms: dict[Kind, PriceTerms], now: datetime, end: datetime
) -> MeterForecast:
    kinds = [pair for pair in seen.mix if pair[0] == meter]
    total = sum((seen.used.get(pair, Decimal(0)) for pair in kinds), Decimal(0))
    today = _number(now.astimezone(UTC).date())
    more, deviation = line(seen.days.get(meter, {}), max(0.0, (end - now) / _DAY), today)
    band = DEVIATIONS * deviation
    ahead = [_decimal(max(0.0, each)) for each in (more - band, more, more + band)]
    priced = all(pair in terms for pair in kinds)
    return MeterForecast(
        meter=meter,
        used=total,
        units=Range(*(total + each for each in ahead)),
        amount_used=_cost(kinds, seen, terms, Decimal(0)) if priced else None,
        amount=Range(*(_cost(kinds, seen, terms, each) for each in ahead)) if priced else None,
    )


def _cost(kinds: list[Kind], seen: _Seen, terms: dict[Kind, PriceTerms], ahead: Decimal) -> Decimal:
    """Return what the meter costs when ``ahead`` units follow those used."""
    whole = sum((seen.mix[pair] for pair in kinds), Decimal(0))
    return sum(
        (
            due(
                terms[pair],
                seen.used.get(pair, Decimal(0)) + (ahead * seen.mix[pair] / whole).quantize(_STEP),
            )
            for pair in kinds
        ),
        Decimal(0),
    )


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_STEP)


def _number(day: date) -> int:
    return day.toordinal()
