"""`GET /v1/billing/balance` and `GET /v1/billing/prices`."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import hold_take
from billing.prices.errors import MeterUnknown, UnitsInvalid
from billing.prices.models import Meter, Price
from billing.prices.services import price_quote
from tests.unit.factories import error_of, make_client


def test_the_balance_shows_the_trial_and_what_is_held(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    with tenant_scope(organization):
        hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )

    body = client_api.get("/v1/billing/balance").json()

    prediction, trained = body["data"]
    ends_in = datetime.fromisoformat(prediction.pop("expires_at")) - datetime.now(UTC)
    assert prediction == {
        "object": "billing.balance",
        "unit": "prediction",
        "granted": 1_000,
        "held": 10,
        "consumed": 0,
        "expired": 0,
        "available": 990,
    }
    assert timedelta(days=13) < ends_in < timedelta(days=14)
    assert (trained["unit"], trained["available"]) == ("trained_token", 10_000_000)
    assert (body["object"], body["has_more"]) == ("list", False)


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.BILLING, (), 200),
        (Role.OWNER, (KeyScope.BILLING_READ,), 200),
        (Role.OWNER, (KeyScope.PREDICT,), 403),
        (Role.DEVELOPER, (), 403),
        (Role.VIEWER, (), 403),
    ],
)
def test_money_is_shown_to_those_who_may_see_it(
    organization: OrganizationRef, role: Role, scopes: tuple[KeyScope, ...], status: int
) -> None:
    response = make_client(organization, role, *scopes).get("/v1/billing/balance")

    assert response.status_code == status


def test_the_balance_needs_a_caller(db: None) -> None:
    response = APIClient().get("/v1/billing/balance")

    assert response.status_code == 401
    assert error_of(response)["code"] == "authentication_failed"


def test_the_price_list_is_public_and_exact(db: None) -> None:
    body = APIClient().get("/v1/billing/prices").json()

    seeded = {"prediction", "storage_gb_hour", "trained_token"}
    found = [
        (one["meter"], one["match"], one["unit_amount"], one["currency"])
        for one in body["data"]
        if one["meter"] in seeded  # other tests of the run commit meters of their own
    ]
    assert found == [
        ("prediction", {}, "0.0001", "USD"),
        ("prediction", {"channel": "batch"}, "0.00005", "USD"),
        ("storage_gb_hour", {}, "0.00015", "USD"),
        ("trained_token", {}, "0.0000005", "USD"),
    ]
    assert all({"en", "zh-Hans"} == one["name"].keys() for one in body["data"])


def test_a_new_version_rules_from_its_day_and_the_old_one_stays(db: None) -> None:
    changes_at = datetime(2030, 1, 1, tzinfo=UTC)
    with system_scope("test"):
        Price.objects.create(
            meter=Meter.objects.get(code="prediction"),
            version=2,
            currency="USD",
            unit_amount="0.0002",
            effective_at=changes_at,
        )

    before = price_quote(meter="prediction", units=10)
    with clock.frozen(changes_at):
        after = price_quote(meter="prediction", units=10)

    assert (str(before.amount.normalize()), str(after.amount.normalize())) == ("0.001", "0.002")
    assert Price.objects.filter(meter__code="prediction").count() == 3


def test_a_version_number_is_used_once(db: None) -> None:
    with system_scope("test"), pytest.raises(IntegrityError), transaction.atomic():
        Price.objects.create(
            meter=Meter.objects.get(code="prediction"),
            version=1,
            currency="USD",
            unit_amount="0.0002",
            effective_at=datetime(2030, 1, 1, tzinfo=UTC),
        )


@pytest.mark.parametrize("units", [-1, "NaN", "Infinity"])
def test_units_nobody_can_use_have_no_price(db: None, units: str) -> None:
    with pytest.raises(UnitsInvalid):
        price_quote(meter="prediction", units=units)  # type: ignore[arg-type] # on purpose


def test_an_unknown_meter_has_no_price(db: None) -> None:
    with pytest.raises(MeterUnknown):
        price_quote(meter="bananas", units=1)
