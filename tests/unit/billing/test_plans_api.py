"""`/v1/billing/plans`, `/v1/billing/subscription` and `/v1/billing/promotion_codes`."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.plans.services import subscription_change
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.services import promotion_add
from tests.unit.factories import error_of, make_client

pytestmark = pytest.mark.django_db

PLANS = "/v1/billing/plans"
SUBSCRIPTION = "/v1/billing/subscription"
CODES = "/v1/billing/promotion_codes"
REDEEM = "/v1/billing/promotion_codes/redeem"


def post(client: APIClient, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    return client.post(path, body, format="json", headers={"idempotency-key": key or str(uuid7())})


def assign(organization: OrganizationRef, plan: str) -> None:
    with tenant_scope(organization):
        subscription_change(organization=organization, actor=SYSTEM_ACTOR, plan=plan, assigned=True)


def add_code(code: str = "SUMMER-26", **terms: Any) -> None:
    wanted = {"kind": PromotionKind.UNITS, "unit": "prediction", "units": Decimal(500)} | terms
    with system_scope("test"):
        promotion_add(actor=SYSTEM_ACTOR, code=code, terms=PromotionTerms(**wanted))


def test_the_plans_are_public_and_in_order(django_assert_num_queries: Any) -> None:
    with system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter="prediction",
            terms=PriceTerms(unit_amount=Decimal("0.00007")),
            plan="pro",
        )

    with django_assert_num_queries(2):
        body = APIClient().get(PLANS).json()

    assert [plan["code"] for plan in body["data"]] == ["free", "starter", "pro"]
    free, _, pro = body["data"]
    assert free["prices"] == []
    assert [price["unit_amount"] for price in pro.pop("prices")] == ["0.00007"]
    assert pro == {
        "object": "billing.plan",
        "code": "pro",
        "version": 1,
        "name": {"en": "Pro", "zh-Hans": "专业版"},
        "fee": "99",
        "currency": "USD",
        "period": "month",
        "included": [
            {"meter": "prediction", "units": 1_500_000},
            {"meter": "trained_token", "units": 150_000_000},
        ],
        "limits": {
            "requests_per_minute": 6000,
            "calls_in_flight": 128,
            "concurrency": 8,
            "priority": 20,
            "storage_gb": 200,
            "seats": 25,
        },
        "caps": [],
        "overage": {"mode": "invoice", "credit_line": "200"},
    }


def test_a_plans_own_price_rules_for_who_is_on_it(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    from billing.prices.services import price_quote  # noqa: PLC0415

    with system_scope("test"):
        price_add(
            actor=SYSTEM_ACTOR,
            meter="prediction",
            terms=PriceTerms(unit_amount=Decimal("0.00007")),
            plan="pro",
        )
    assign(organization, "pro")
    amounts = []
    for one in (organization, other_organization):
        with tenant_scope(one):
            amounts.append(price_quote(meter="prediction", units=100, organization=one).amount)

    assert amounts == [Decimal("0.007"), Decimal("0.01")]


def test_without_a_plan_the_period_is_the_month(client_api: APIClient) -> None:
    with clock.frozen(datetime(2029, 2, 10, tzinfo=UTC)):
        body = client_api.get(SUBSCRIPTION).json()

    assert (body["status"], body["plan"], body["id"], body["next"]) == ("none", None, None, None)
    assert body["current_period"] == {
        "starts_at": "2029-02-01T00:00:00+00:00",
        "ends_at": "2029-03-01T00:00:00+00:00",
    }


def test_a_customer_goes_on_a_free_plan_in_its_own_time_zone(client_api: APIClient) -> None:
    body = {"plan": "free", "time_zone": "Asia/Shanghai"}
    with clock.frozen(datetime(2029, 2, 10, 20, tzinfo=UTC)):
        changed = post(client_api, SUBSCRIPTION, body)
        found = client_api.get(SUBSCRIPTION).json()

    assert changed.status_code == 200
    assert changed.json() == found
    assert (found["status"], found["plan"]["code"]) == ("active", "free")
    # The 11th has begun in Shanghai.
    assert found["current_period"] == {
        "starts_at": "2029-02-10T20:00:00+00:00",
        "ends_at": "2029-03-10T16:00:00+00:00",
    }


def test_a_change_sent_twice_is_one(client_api: APIClient) -> None:
    first, again = (post(client_api, SUBSCRIPTION, {"plan": "free"}, "key-1") for _ in range(2))

    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_change_that_waits_is_shown(organization: OrganizationRef, client_api: APIClient) -> None:
    assign(organization, "pro")

    body = post(client_api, SUBSCRIPTION, {"plan": "free"}).json()

    assert body["plan"]["code"] == "pro"
    assert body["next"]["plan"]["code"] == "free"
    assert body["next"]["starts_at"] == body["current_period"]["ends_at"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"plan": "pro"}, 402, "payment_method_required"),
        ({"plan": "bananas"}, 404, "plan_not_found"),
        ({"plan": "free", "time_zone": "Mars/Olympus"}, 400, "time_zone_invalid"),
        ({}, 400, "invalid_request"),
        ({"plan": None}, 400, "invalid_request"),
    ],
)
def test_a_plan_that_cannot_be_had_is_refused(
    client_api: APIClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = post(client_api, SUBSCRIPTION, body)

    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert client_api.get(SUBSCRIPTION).json()["status"] == "none"


@pytest.mark.parametrize(("path", "body"), [(SUBSCRIPTION, "plan"), (REDEEM, "code")])
def test_r22_money_needs_a_key_of_the_request(client_api: APIClient, path: str, body: str) -> None:
    answer = client_api.post(path, {body: "free"}, format="json")

    assert answer.status_code == 400
    assert "Idempotency-Key" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("role", "scopes", "reads", "writes"),
    [
        (Role.BILLING, (), 200, 200),
        (Role.ADMIN, (), 200, 200),
        (Role.OWNER, (KeyScope.BILLING_READ,), 200, 403),
        (Role.DEVELOPER, (), 403, 403),
        (Role.VIEWER, (), 403, 403),
    ],
)
def test_plans_are_for_those_who_see_money(
    organization: OrganizationRef,
    role: Role,
    scopes: tuple[KeyScope, ...],
    reads: int,
    writes: int,
) -> None:
    client = make_client(organization, role, *scopes)

    assert client.get(SUBSCRIPTION).status_code == reads
    assert client.get(CODES).status_code == reads
    assert post(client, SUBSCRIPTION, {"plan": "free"}).status_code == writes
    assert (post(client, REDEEM, {"code": "NO-SUCH"}).status_code == 403) == (writes == 403)


def test_the_subscription_is_read_in_few_queries(
    organization: OrganizationRef, client_api: APIClient, django_assert_num_queries: Any
) -> None:
    assign(organization, "pro")
    client_api.get(SUBSCRIPTION)

    with django_assert_num_queries(6 + 1):
        client_api.get(SUBSCRIPTION)


def test_a_code_is_redeemed_and_replayed(client_api: APIClient) -> None:
    add_code(days=30)

    first = post(client_api, REDEEM, {"code": "summer-26"}, "key-1")
    again = post(client_api, REDEEM, {"code": "summer-26"}, "key-1")
    other = post(client_api, REDEEM, {"code": "summer-26"}, "key-2")

    assert (first.status_code, first.json()) == (201, again.json())
    assert error_of(other)["code"] == "promotion_redeemed"
    shown = first.json()
    redeemed_at = datetime.fromisoformat(shown.pop("redeemed_at"))
    assert datetime.now(UTC) - redeemed_at < timedelta(minutes=1)
    assert shown.pop("id").startswith("promo_")
    assert shown == {
        "object": "billing.promotion_redemption",
        "code": "SUMMER-26",
        "kind": "units",
        "meter": "prediction",
        "units": 500,
        "days": 30,
        "discount": None,
    }
    balance = client_api.get("/v1/billing/balance").json()["data"]
    assert {one["unit"]: one["granted"] for one in balance}["prediction"] == 1_500


def test_redemptions_are_listed_newest_first_and_only_ones_own(
    client_api: APIClient, other_client_api: APIClient, django_assert_num_queries: Any
) -> None:
    add_code("FIRST-26")
    add_code(
        "SECOND-26",
        kind=PromotionKind.PERCENT,
        percent=Decimal("12.5"),
        invoices=3,
        unit="",
        units=None,
    )
    add_code("OTHERS-26")
    for code in ("FIRST-26", "SECOND-26"):
        assert post(client_api, REDEEM, {"code": code}).status_code == 201
    post(other_client_api, REDEEM, {"code": "OTHERS-26"})

    with django_assert_num_queries(5 + 2):
        body = client_api.get(CODES).json()
    second = client_api.get(CODES, {"limit": 1, "after": body["first_id"]}).json()

    assert [one["code"] for one in body["data"]] == ["SECOND-26", "FIRST-26"]
    assert body["data"][0]["discount"] == {
        "percent": "12.5",
        "invoices_left": 3,
        "amount": None,
        "remaining": None,
        "currency": None,
    }
    assert [one["code"] for one in second["data"]] == ["FIRST-26"]
    assert second["has_more"] is False


def test_a_page_after_a_foreign_or_broken_id_tells_nothing(
    client_api: APIClient, other_client_api: APIClient
) -> None:
    add_code("OTHERS-26")
    foreign = post(other_client_api, REDEEM, {"code": "OTHERS-26"}).json()["id"]

    assert client_api.get(CODES, {"after": foreign}).json()["data"] == []
    assert client_api.get(CODES, {"after": "promo_x"}).status_code == 404
    assert client_api.get(CODES, {"after": public_id("promo_", uuid7())}).status_code == 200


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("WINTER-26", 404, "promotion_not_found"),
        ("", 400, "invalid_request"),
        ("x" * 61, 400, "invalid_request"),
        ("A\0B", 400, "invalid_request"),
    ],
)
def test_what_is_no_code_is_refused(
    client_api: APIClient, code: str, status: int, error: str
) -> None:
    answer = post(client_api, REDEEM, {"code": code})

    assert (answer.status_code, error_of(answer)["code"]) == (status, error)
