"""`GET /v1/billing/grants`: of what a balance consists."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.services import balance_grant, hold_take
from tests.unit.factories import make_client

PATH = "/v1/billing/grants"
LATER = datetime.now(UTC) + timedelta(days=30)


def test_grants_say_what_is_left_of_each(
    organization: OrganizationRef, client_api: APIClient, other_client_api: APIClient
) -> None:
    # given credit beside the trial, and work under way
    with tenant_scope(organization):
        balance_grant(
            organization=organization,
            unit="prediction",
            amount=7,
            kind="operator",
            source="test",
            expires_at=LATER,
        )
        hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )
    # when both organizations ask
    mine = client_api.get(PATH).json()
    theirs = other_client_api.get(PATH).json()
    # then each sees its own, and what is held is not available
    assert sum(one["available"] for one in mine["data"] if one["unit"] == "prediction") == 997
    assert [(one["unit"], one["kind"], one["amount"]) for one in mine["data"]] == [
        ("prediction", "promotional", 1_000),
        ("prediction", "operator", 7),
        ("trained_token", "promotional", 10_000_000),
    ]
    assert datetime.fromisoformat(mine["data"][1]["expires_at"]) == LATER
    assert [one["amount"] for one in theirs["data"]] == [1_000, 10_000_000]


def test_a_grant_that_is_over_is_left_out(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    with clock.frozen(datetime.now(UTC) + timedelta(days=15)):
        body = client_api.get(PATH).json()

    assert body == {"object": "list", "data": [], "has_more": False}


def test_the_grants_are_read_in_as_many_statements_however_many(
    organization: OrganizationRef, client_api: APIClient, django_assert_num_queries: Any
) -> None:
    with tenant_scope(organization):
        for number in range(5):
            balance_grant(
                organization=organization,
                unit="prediction",
                amount=1,
                kind="operator",
                source=f"test:{number}",
            )
    with django_assert_num_queries(5 + 1):
        client_api.get(PATH)


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        (Role.BILLING, (), 200),
        (Role.OWNER, (KeyScope.BILLING_READ,), 200),
        (Role.DEVELOPER, (), 403),
        (Role.VIEWER, (), 403),
    ],
)
def test_grants_are_money(
    organization: OrganizationRef, role: Role, scopes: tuple[KeyScope, ...], status: int
) -> None:
    assert make_client(organization, role, *scopes).get(PATH).status_code == status
