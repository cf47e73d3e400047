"""Budgets through the service and the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.errors import LimitReached
from billing.ledger.services import (
    hold_capture,
    hold_take,
    limit_remove,
    limit_set,
)
from tests.unit.factories import error_of, make_client, make_member

pytestmark = pytest.mark.django_db


def spend(organization: OrganizationRef, amount: int, **whose: Any) -> None:
    with tenant_scope(organization):
        key = str(uuid7())
        hold = hold_take(
            organization=organization,
            unit="prediction",
            amount=amount,
            key=key,
            ttl_seconds=60,
            **whose,
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=amount, event_id=key)


def audit(organization: OrganizationRef, action: str) -> list[dict[str, Any]]:
    with tenant_scope(organization):
        return [row.detail for row in AuditEvent.objects.filter(action=action).order_by("id")]


BUDGET = {"unit": "prediction", "window": "month", "amount": 100}


def test_a_budget_is_set_shown_changed_and_removed(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = client_api.post("/v1/billing/budgets", BUDGET, format="json")
    spend(organization, 30)
    changed = client_api.post(
        "/v1/billing/budgets",
        {**BUDGET, "amount": "40.5", "enforcement": "soft", "alerts": [75]},
        format="json",
    )

    assert made.status_code == changed.status_code == 201
    budget = made.json()
    assert budget == {
        "id": budget["id"],
        "object": "billing.budget",
        "scope": "organization",
        "subject": None,
        "unit": "prediction",
        "window": "month",
        "window_started_at": budget["window_started_at"],
        "amount": 100,
        "used": 0,
        "held": 0,
        "enforcement": "hard",
        "alerts": [50, 80, 90, 100],
    }
    assert changed.json() == {
        **budget,
        "amount": 40.5,
        "used": 30,
        "enforcement": "soft",
        "alerts": [75],
    }
    assert client_api.get("/v1/billing/budgets").json()["data"] == [changed.json()]
    one = f"/v1/billing/budgets/{budget['id']}"
    assert client_api.get(one).json() == changed.json()
    assert client_api.delete(one).status_code == 204
    assert client_api.get(one).status_code == 404
    assert client_api.get("/v1/billing/budgets").json()["data"] == []


def test_the_list_of_budgets_asks_as_often_for_many_as_for_one(
    client_api: APIClient, organization: OrganizationRef, django_assert_num_queries: Any
) -> None:
    with tenant_scope(organization):
        for window in ("day", "month", "total"):
            limit_set(organization=organization, unit="prediction", window=window, amount=9)
    client_api.get("/v1/billing/budgets")

    with django_assert_num_queries(7):
        assert len(client_api.get("/v1/billing/budgets").json()["data"]) == 3


def test_a_hard_budget_refuses_with_402_and_its_own_name(organization: OrganizationRef) -> None:
    key = uuid7()
    with tenant_scope(organization):
        limit = limit_set(
            organization=organization,
            unit="prediction",
            window="day",
            amount=5,
            scope="key",
            subject_id=key,
        )
    spend(organization, 4, api_key_id=key)

    with pytest.raises(LimitReached) as refused:
        spend(organization, 2, api_key_id=key)

    assert refused.value.status == 402
    assert refused.value.param == public_id("bud_", limit.id)
    assert refused.value.text == (
        "The limit of this API key is 5 prediction per day: 4 used, this needs 2 more. "
        "Raise it under Billing or wait for the next day."
    )
    spend(organization, 2)


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [
        (Role.VIEWER, 403, 403),
        (Role.DEVELOPER, 403, 403),
        (Role.BILLING, 200, 201),
        (Role.ADMIN, 200, 201),
    ],
)
def test_budgets_are_for_those_who_look_after_money(
    organization: OrganizationRef, role: Role, read: int, write: int
) -> None:
    client = make_client(organization, role)

    assert client.get("/v1/billing/budgets").status_code == read
    assert client.get("/v1/billing/notices").status_code == read
    assert client.post("/v1/billing/budgets", BUDGET, format="json").status_code == write


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"unit": "nothing"}, "unit_unknown", "unit"),
        ({"amount": -1}, "amount_invalid", "amount"),
        ({"amount": "NaN"}, "invalid_request", "amount"),
        ({"amount": "1e30"}, "invalid_request", "amount"),
        ({"unit": "JPY", "amount": "0.5"}, "currency_decimals", "amount"),
        ({"amount": "0.0000000000001"}, "invalid_request", "amount"),
        ({"window": "week"}, "invalid_request", "window"),
        ({"enforcement": "maybe"}, "invalid_request", "enforcement"),
        ({"alerts": [0]}, "invalid_request", "alerts.0"),
        ({"alerts": list(range(1, 13))}, "invalid_request", "alerts"),
        ({"subject": "key_zzz"}, "limit_invalid", "subject"),
        ({"subject": "org_x"}, "limit_invalid", "subject"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_by_its_field(
    client_api: APIClient, change: dict[str, Any], code: str, param: str
) -> None:
    response = client_api.post("/v1/billing/budgets", {**BUDGET, **change}, format="json")

    assert response.status_code == 400
    assert (error_of(response)["code"], error_of(response)["param"].split(".")[0]) == (
        code,
        param.split(".")[0],
    )
    assert client_api.get("/v1/billing/budgets").json()["data"] == []


def test_only_ones_own_members_and_keys_get_a_budget(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    mine = public_id("usr_", make_member(organization, Role.DEVELOPER).id)
    theirs = public_id("usr_", make_member(other_organization, Role.DEVELOPER).id)
    key = client_api.post("/v1/api_keys", {"name": "k", "scopes": ["predict"]}, format="json")

    answers = [
        client_api.post("/v1/billing/budgets", {**BUDGET, "subject": subject}, format="json")
        for subject in (mine, key.json()["id"], theirs)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 400]
    assert [answer.json().get("scope") for answer in answers[:2]] == ["member", "key"]


def test_r46_every_change_of_a_budget_is_in_the_audit_trail(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made = client_api.post("/v1/billing/budgets", BUDGET, format="json").json()
    client_api.post("/v1/billing/budgets", {**BUDGET, "amount": 50}, format="json")
    client_api.delete(f"/v1/billing/budgets/{made['id']}")

    first, second = audit(organization, "limit.set")
    assert (first["amount"], "before" in first) == ("100", False)
    assert (second["amount"], second["before"]["amount"]) == ("50", "100")
    assert len(audit(organization, "limit.remove")) == 1


def test_a_plans_limit_is_the_plans(client_api: APIClient, organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        limit = limit_set(
            organization=organization, unit="prediction", window="month", amount=9, scope="plan"
        )
    refused = client_api.delete(f"/v1/billing/budgets/{public_id('bud_', limit.id)}")

    assert (refused.status_code, error_of(refused)["code"]) == (409, "limit_of_plan")
    with tenant_scope(organization):
        limit_remove(organization=organization, limit_id=limit.id, actor=SYSTEM_ACTOR, of_plan=True)
    assert client_api.get("/v1/billing/budgets").json()["data"] == []
