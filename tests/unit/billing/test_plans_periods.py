"""Periods: they tile, in every zone, for every day one can begin on."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.plans.models import Subscription
from billing.plans.selectors import billing_period, period_of
from billing.plans.services import subscription_change

pytestmark = pytest.mark.django_db

OFFSETS = [f"Etc/GMT{-hours:+d}" for hours in range(-12, 15)]
"""All offsets there are; in these names the sign is turned."""


def rows(sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Sao_Paulo", "Asia/Shanghai"])
def test_r25_periods_tile_for_every_start_day_of_eight_years(zone: str) -> None:
    """No gap, no overlap, and the 31st comes back after a shorter month."""
    faults = rows(
        """
        WITH borders AS (
          SELECT d::date AS anchor, n, period_boundary(d::date, %s, n) AS at
          FROM generate_series('2020-01-01'::date, '2027-12-31', '1 day') d
          CROSS JOIN generate_series(0, 14) n
        ), spans AS (
          SELECT anchor, n, at, lead(at) OVER (PARTITION BY anchor ORDER BY n) AS following
          FROM borders)
        SELECT anchor, n FROM spans
        WHERE following <= at
           OR following - at NOT BETWEEN interval '27 days 22 hours' AND interval '31 days 2 hours'
           OR extract(day FROM at AT TIME ZONE %s) NOT IN (
                extract(day FROM anchor),
                extract(day FROM date_trunc('month', at AT TIME ZONE %s)
                                 + interval '1 month - 1 day'))
        """,
        [zone, zone, zone],
    )

    assert faults == []


def test_r25_a_moment_lies_in_exactly_the_period_that_was_named_for_it() -> None:
    """Around each border of a clamped anchor: the microsecond before, the border, the one after."""
    faults = rows(
        """
        SELECT anchor, zone, n, shift FROM unnest(%s::text[]) AS zone
        CROSS JOIN unnest(ARRAY['2020-01-31', '2020-02-29', '2021-03-01', '2024-12-31']::date[])
          AS anchor
        CROSS JOIN generate_series(0, 100) n
        CROSS JOIN LATERAL (SELECT period_boundary(anchor, zone, n) AS at,
                                   period_boundary(anchor, zone, n + 1) AS following) b
        CROSS JOIN LATERAL (VALUES (at, 0), (at + interval '1 hour', 0),
                                   (following - interval '1 microsecond', 0), (following, 1))
          AS moment (it, shift)
        WHERE period_of(anchor, zone, 1, moment.it) IS DISTINCT FROM
          tstzrange(period_boundary(anchor, zone, n + shift),
                    period_boundary(anchor, zone, n + shift + 1))
        """,
        [[*OFFSETS, "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]],
    )

    assert faults == []


@pytest.mark.parametrize("zone", OFFSETS)
def test_r24_the_customers_day_decides_not_utcs(zone: str, organization: OrganizationRef) -> None:
    """In the first and the last hour of a local day, the period begins on that local day."""
    here = ZoneInfo(zone)
    for hour, minute in ((0, 30), (23, 30)):
        now = datetime(2026, 3, 31, hour, minute, tzinfo=here)
        anchor = now.astimezone(here).date()

        starts_at, ends_at = period_of(anchor, zone, 1, now)

        assert starts_at == datetime(2026, 3, 31, tzinfo=here)
        assert ends_at == datetime(2026, 4, 30, tzinfo=here)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Asia/Beirut", date(2026, 3, 29), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Atlantic/Azores", date(2026, 10, 25), 25),
    ],
)
def test_r26_days_of_23_and_25_hours_move_no_border(zone: str, day: date, hours: int) -> None:
    """The day after such a day begins at its own midnight, and the hour is in one period."""
    first, second = day - timedelta(days=31), day + timedelta(days=1)
    ((length, local),) = rows(
        "SELECT extract(epoch FROM period_boundary(%s, %s, 0) - period_boundary(%s, %s, 0)) / 3600,"
        " (period_boundary(%s, %s, 0) AT TIME ZONE %s)::text",
        [second, zone, day, zone, second, zone, zone],
    )

    assert (int(length), local) == (hours, f"{second} 00:00:00")
    for minutes in range(0, hours * 60, 30):
        moment = datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
        moment += timedelta(minutes=minutes)
        starts_at, ends_at = period_of(first, zone, 1, moment)
        assert starts_at <= moment < ends_at


def test_a_year_begins_on_the_same_day_and_on_the_28th_after_a_leap_day() -> None:
    anchor, zone = date(2024, 2, 29), "UTC"
    begun = [
        period_of(anchor, zone, 12, datetime(year, 6, 1, tzinfo=UTC))[0].date()
        for year in (2024, 2025, 2027, 2028)
    ]

    assert begun == [date(2024, 2, 29), date(2025, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]


def test_the_periods_tiers_count_in_tile_around_a_subscription(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    begins = datetime(2029, 1, 31, 15, tzinfo=UTC)
    changes = datetime(2029, 3, 10, 9, tzinfo=UTC)
    with tenant_scope(organization):
        with clock.frozen(begins):
            subscription_change(
                organization=organization,
                actor=SYSTEM_ACTOR,
                plan="starter",
                time_zone="Asia/Shanghai",
                assigned=True,
            )
        with clock.frozen(changes):
            subscription_change(
                organization=organization, actor=SYSTEM_ACTOR, plan="pro", assigned=True
            )
        moment, periods = datetime(2028, 12, 5, tzinfo=UTC), []
        while moment < datetime(2029, 6, 1, tzinfo=UTC):
            periods.append(billing_period(organization=organization, at=moment))
            moment = periods[-1][1]

    assert all(first[1] == second[0] for first, second in itertools.pairwise(periods))
    assert [start.isoformat() for start, _ in periods] == [
        "2028-12-01T00:00:00+00:00",
        "2029-01-01T00:00:00+00:00",
        "2029-01-31T15:00:00+00:00",
        "2029-02-27T16:00:00+00:00",  # the 28th in Shanghai; the plan changes within
        "2029-03-30T16:00:00+00:00",
        "2029-04-29T16:00:00+00:00",
        "2029-05-30T16:00:00+00:00",
    ]
    with tenant_scope(other_organization):
        alone = billing_period(organization=other_organization, at=changes)
    assert alone == (datetime(2029, 3, 1, tzinfo=UTC), datetime(2029, 4, 1, tzinfo=UTC))


def test_after_a_subscription_the_month_goes_on_from_its_end(organization: OrganizationRef) -> None:
    begins, ends = datetime(2029, 1, 10, tzinfo=UTC), datetime(2029, 2, 10, tzinfo=UTC)
    with tenant_scope(organization):
        with clock.frozen(begins):
            subscription_change(organization=organization, actor=SYSTEM_ACTOR, plan="free")
        Subscription.objects.update(ends_at=ends)
        periods = [
            billing_period(organization=organization, at=at)
            for at in (begins, ends - timedelta(microseconds=1), ends)
        ]

    assert periods == [(begins, ends), (begins, ends), (ends, datetime(2029, 3, 1, tzinfo=UTC))]
