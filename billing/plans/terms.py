"""Reading a plan's terms and a trial's: what cannot be kept is refused in words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import available_timezones

from django.db import DataError, connection, transaction

from billing.plans.contracts import CapWindow, Overage, Period, PlanCap, PlanLimits, PlanTerms
from billing.plans.errors import PlanInvalid, TimeZoneInvalid
from billing.prices.selectors import meter_exists
from billing.prices.terms import amount_read, coins_read

CODE: Final = re.compile(r"[a-z][a-z0-9_-]{1,49}")
COUNTED: Final = ("requests_per_minute", "calls_in_flight", "concurrency", "storage_gb", "seats")
"""The limits that are counts: at least 1, or none."""
_MOST: Final = 2**31 - 1
_MOST_PRIORITY: Final = 100
_MOST_CAPS: Final = 20
"""Every decision of an organization on the plan reads them."""


def plan_terms_read(terms: PlanTerms) -> PlanTerms:
    """Return the terms as they can be kept.

    Raises PlanInvalid, PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    if terms.period not in set(Period) or terms.overage not in set(Overage):
        raise PlanInvalid("period is 'month' or 'year', overage is 'block' or 'invoice'.")
    invoiced = terms.overage == Overage.INVOICE
    if invoiced != (terms.credit_line is not None):
        raise PlanInvalid(
            "credit_line: give one when overage is 'invoice', and only then.", param="credit_line"
        )
    if invoiced:
        coins_read(terms.credit_line, terms.currency, param="credit_line")
    _limits_check(terms.limits)
    return replace(
        terms,
        fee=coins_read(terms.fee, terms.currency, param="fee", zero=True),
        included=units_read(terms.included),
        caps=_caps_read(terms),
    )


def units_read(units: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return whole units by meter, without meters of none. Raises PlanInvalid, PriceInvalid."""
    read = {}
    for meter, amount in units.items():
        if not meter_exists(code=meter):
            raise PlanInvalid(f"No meter counts '{meter[:50]}'.", param="included")
        count = amount_read(amount, param=f"included.{meter}", zero=True)
        if count != count.to_integral_value():
            raise PlanInvalid(f"included.{meter}: give a whole number.", param="included")
        if count:
            read[meter] = count
    return read


def units_json(units: Mapping[str, Decimal]) -> dict[str, str]:
    """Return units as the tables keep them."""
    return {meter: f"{amount:f}" for meter, amount in units.items()}


def units_of(stored: Mapping[str, Any]) -> dict[str, Decimal]:
    """Return units as ``units_json`` wrote them."""
    return {meter: Decimal(amount) for meter, amount in stored.items()}


def caps_json(caps: Iterable[PlanCap]) -> list[dict[str, Any]]:
    """Return caps as the table keeps them."""
    return [
        {
            "unit": cap.unit,
            "window": cap.window.value,
            "amount": f"{cap.amount:f}",
            "hard": cap.hard,
        }
        for cap in caps
    ]


def caps_of(stored: Iterable[Mapping[str, Any]]) -> tuple[PlanCap, ...]:
    """Return caps as ``caps_json`` wrote them."""
    return tuple(
        PlanCap(
            unit=cap["unit"],
            window=CapWindow(cap["window"]),
            amount=Decimal(cap["amount"]),
            hard=cap["hard"],
        )
        for cap in stored
    )


def time_zone_read(name: str, at: datetime) -> str:
    """Return a time zone that Python and Postgres both know. Raises TimeZoneInvalid."""
    if name not in available_timezones():
        raise TimeZoneInvalid(param="time_zone")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT %s AT TIME ZONE %s", [at, name])
    except DataError as error:
        raise TimeZoneInvalid(param="time_zone") from error
    return name


def _limits_check(limits: PlanLimits) -> None:
    for name in COUNTED:
        value = getattr(limits, name)
        if value is not None and not 1 <= value <= _MOST:
            raise PlanInvalid(f"{name}: give a whole number of at least 1, or none.", param=name)
    if not 0 <= limits.priority <= _MOST_PRIORITY:
        raise PlanInvalid("priority: give a whole number from 0 to 100.", param="priority")


def _caps_read(terms: PlanTerms) -> tuple[PlanCap, ...]:
    """Return caps in order, each of another unit or window."""
    read: dict[tuple[str, str], PlanCap] = {}
    for cap in terms.caps:
        name = f"caps.{cap.unit[:50]}"
        if cap.window not in set(CapWindow):
            raise PlanInvalid(f"{name}: its window is 'day' or 'month'.", param="caps")
        if cap.unit == terms.currency:
            amount = coins_read(cap.amount, terms.currency, param=name)
        elif meter_exists(code=cap.unit):
            amount = amount_read(cap.amount, param=name)
        else:
            raise PlanInvalid(
                f"{name}: cap a meter's units, or money in {terms.currency}, the plan's currency.",
                param="caps",
            )
        key = (cap.unit, cap.window)
        if key in read:
            raise PlanInvalid(f"{name}: give one cap a {cap.window}.", param="caps")
        read[key] = replace(cap, amount=amount)
    if len(read) > _MOST_CAPS:
        raise PlanInvalid(f"caps: at most {_MOST_CAPS}.", param="caps")
    return tuple(read[key] for key in sorted(read))
