"""What the period will come to, and the page's one call."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import balance_grant
from billing.metering.forecast import forecast_read, line
from billing.metering.selectors import usage_summary
from billing.plans.services import subscription_change
from billing.prices.contracts import PriceTerms
from billing.prices.models import Meter
from billing.prices.services import price_add
from tests.unit.billing.metering import advance, event, ingest
from tests.unit.factories import error_of, make_client

NOW = datetime(2026, 3, 21, tzinfo=UTC)  # twenty whole days of March, eleven to come
DAY = timedelta(days=1)


def use_daily(organization: OrganizationRef, amounts: list[int], **more: Any) -> None:
    """Use so much on each of the last days, the last one yesterday."""
    ingest(
        *[
            event(organization, NOW - DAY * (len(amounts) - n) + DAY / 2, amount, **more)
            for n, amount in enumerate(amounts)
        ],
        now=NOW,
    )


def forecast(client: APIClient) -> dict[str, Any]:
    with clock.frozen(NOW):
        response = client.get("/v1/billing/forecast")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_steady_use_goes_on(organization: OrganizationRef, client_api: APIClient) -> None:
    use_daily(organization, [100] * 20)

    body = forecast(client_api)

    assert (body["period_start"], body["period_end"]) == (
        int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()),
        int(datetime(2026, 4, 1, tzinfo=UTC).timestamp()),
    )
    (meter,) = body["data"]
    assert meter["used"] == 2000
    assert meter["units"] == {"low": 3100, "expected": 3100, "high": 3100}
    assert (meter["amount_used"], meter["amount"]["expected"]) == ("0.2", "0.31")
    assert body["amount_used"] == "0.2"
    assert body["amount"] == {"low": "0.31", "expected": "0.31", "high": "0.31"}


def test_a_growing_use_grows_on_and_scatter_widens_the_band(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    use_daily(organization, [100 + 10 * n for n in range(14)])
    grown = forecast(client_api)["data"][0]["units"]
    # Day 14 brings 240, and each of the eleven ten more than the one before.
    assert grown["expected"] == sum(100 + 10 * n for n in range(25))
    assert grown["low"] == grown["high"] == grown["expected"]

    use_daily(organization, [50 * (n % 2 + 1) for n in range(14)])
    scattered = forecast(client_api)["data"][0]["units"]
    assert scattered["low"] < scattered["expected"] < scattered["high"]


def test_a_falling_use_ends_at_nothing_not_below(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    use_daily(organization, [140 - 10 * n for n in range(14)])

    units = forecast(client_api)["data"][0]["units"]

    assert units["expected"] == units["low"] == sum(140 - 10 * n for n in range(14))


def test_a_period_that_begins_within_an_hour_counts_from_its_moment(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    joined = datetime(2026, 3, 10, 10, 30, tzinfo=UTC)
    with clock.frozen(joined), tenant_scope(organization):
        subscription_change(
            organization=organization, actor=SYSTEM_ACTOR, plan="starter", assigned=True
        )
    ingest(
        event(organization, joined - timedelta(minutes=5), 100),
        event(organization, joined + timedelta(minutes=5), 30),
        now=NOW,
    )
    advance(NOW)

    (meter,) = forecast(client_api)["data"]

    assert meter["used"] == 30


def test_without_usage_nothing_is_foretold(client_api: APIClient) -> None:
    body = forecast(client_api)

    assert body["data"] == []
    assert body["amount"] == {"low": "0", "expected": "0", "high": "0"}


def test_another_organizations_usage_is_not_in_it(
    organization: OrganizationRef, other_client_api: APIClient
) -> None:
    use_daily(organization, [100] * 20)

    assert forecast(other_client_api)["data"] == []


def test_money_is_the_accounts_own(organization: OrganizationRef, client_api: APIClient) -> None:
    with clock.frozen(NOW - 30 * DAY):
        with system_scope("test"):
            terms = PriceTerms(unit_amount=Decimal("0.5"))
            price_add(actor=SYSTEM_ACTOR, meter="prediction", currency="EUR", terms=terms)
        with tenant_scope(organization):
            balance_grant(
                organization=organization, unit="EUR", amount=5, kind="purchased", source="paid"
            )
    use_daily(organization, [100] * 20)

    body = forecast(client_api)

    assert (body["currency"], body["amount_used"]) == ("EUR", "1000")


def test_a_meter_without_a_price_has_units_and_no_money(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    with system_scope("test"):
        Meter.objects.create(code="visits", name_en="", name_zh="", unit_en="", unit_zh="")
    use_daily(organization, [5] * 3, meter="visits")

    (meter,) = forecast(client_api)["data"]

    assert (meter["amount_used"], meter["amount"]) == (None, None)
    assert meter["units"]["expected"] == 15 + 55


@pytest.mark.parametrize(
    ("days", "ahead", "expected"),
    [
        ({}, 10.0, (0.0, 0.0)),
        ({9: 50.0}, 0.0, (0.0, 0.0)),
        ({9: 50.0}, 0.5, (25.0, pytest.approx(50 * 0.5**0.5))),
        ({7: 10.0, 8: 10.0, 9: 10.0}, 1.25, (12.5, 0.0)),
    ],
)
def test_the_line(days: dict[int, float], ahead: float, expected: tuple[float, float]) -> None:
    assert line(days, ahead, 10) == expected


def test_the_summary_cuts_the_same_usage_five_ways(
    organization: OrganizationRef, other_organization: OrganizationRef, client_api: APIClient
) -> None:
    key, deployment = uuid7(), uuid7()
    ingest(
        event(organization, NOW - DAY, 3, api_key_id=key, model="m"),
        event(organization, NOW - 2 * DAY, 4, deployment_id=deployment, model="n"),
        event(organization, NOW - 2 * DAY, 5, meter="trained_token"),
        event(other_organization, NOW - DAY, 100),
        now=NOW,
    )

    with clock.frozen(NOW):
        body = client_api.get("/v1/usage/summary").json()

    assert body["total"] == [
        {"meter": "prediction", "units": 7},
        {"meter": "trained_token", "units": 5},
    ]
    days = [int((NOW - n * DAY).timestamp()) for n in (2, 2, 1)]
    assert [each["start_time"] for each in body["by_day"]] == days
    assert [each["units"] for each in body["by_day"]] == [4, 5, 3]
    assert {(each["api_key_id"], each["meter"], each["units"]) for each in body["by_key"]} == {
        (public_id("key_", key), "prediction", 3),
        (None, "prediction", 4),
        (None, "trained_token", 5),
    }
    assert {(each["deployment_id"], each["units"]) for each in body["by_deployment"]} == {
        (public_id("dep_", deployment), 4),
        (None, 3),
        (None, 5),
    }
    assert {(each["model"], each["units"]) for each in body["by_model"]} == {
        ("m", 3),
        ("n", 4),
        ("", 5),
    }


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"start_time": 100, "end_time": 100}, "start_time"),
        ({"start_time": 0, "end_time": 401 * 86_400}, "start_time"),
        ({"start_time": "x"}, "start_time"),
        ({"end_time": 0}, "end_time"),
    ],
)
def test_wrong_spans_are_named(client_api: APIClient, query: dict[str, Any], param: str) -> None:
    response = client_api.get("/v1/usage/summary", query)

    assert response.status_code == 400
    assert error_of(response)["param"] == param


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.BILLING, (KeyScope.BILLING_READ,), 200),
        (Role.OWNER, (), 200),
        (Role.VIEWER, (), 403),
        (Role.OWNER, (KeyScope.PREDICT,), 403),
    ],
)
def test_the_forecast_is_for_those_who_read_money(
    organization: OrganizationRef, role: Role, scopes: tuple[KeyScope, ...], status: int
) -> None:
    client = make_client(organization, role, *scopes)
    assert client.get("/v1/billing/forecast").status_code == status


def test_each_takes_the_same_few_statements_however_much_was_used(
    organization: OrganizationRef,
) -> None:
    use_daily(organization, [100] * 20, dims={"task": "x"})
    use_daily(organization, [100] * 20, meter="trained_token", model="m")

    with clock.frozen(NOW), tenant_scope(organization):
        with CaptureQueriesContext(connection) as queries:
            forecast_read(organization=organization)
        assert len(queries) == 4
        with CaptureQueriesContext(connection) as queries:
            summary = usage_summary(organization=organization, start=NOW - 30 * DAY, end=NOW)
        assert len(queries) == 1
    assert sum((each.units for each in summary.total), Decimal(0)) == 4000
