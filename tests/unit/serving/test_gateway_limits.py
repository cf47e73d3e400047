"""A plan's limits as callers of the online path meet them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.plans.services import subscription_change
from tests.unit.billing.books import Books
from tests.unit.billing.threads import organization_of
from tests.unit.conftest import DatabaseClone
from tests.unit.factories import make_key
from tests.unit.serving.test_gateway_app import Call, played

BODY = b'{"model":"no-such-model","input":"x"}'


@pytest.fixture
def organizations(
    database_clone: DatabaseClone, django_db_setup: None, django_db_blocker: Any, settings: Any
) -> Iterator[list[OrganizationRef]]:
    """Two organizations that the gateway's own connections see; their plans end afterwards."""
    settings.DATABASE_URL = database_clone.app_url
    with psycopg.connect(database_clone.app_url, autocommit=True) as link:
        books = [Books(link, uuid7()) for _ in range(2)]
        for each in books:
            each.organization_add()
        with django_db_blocker.unblock():
            yield [organization_of(each) for each in books]
            connection.close()
        with link.transaction():
            link.execute("SET LOCAL ROLE anneal_system")
            link.execute(
                "UPDATE plans_subscription SET ends_at = 'infinity'"
                " WHERE organization_id = ANY(%s)",
                [[each.organization_id for each in books]],
            )


def bearer(organization: OrganizationRef) -> str:
    return f"Bearer {make_key(organization, Role.DEVELOPER)}"


def test_calls_above_the_plans_minute_are_refused_on_each_path(
    organizations: list[OrganizationRef],
) -> None:
    first, second = organizations
    with tenant_scope(first):
        subscription_change(organization=first, actor=SYSTEM_ACTOR, plan="free")
    limited, other = bearer(first), bearer(second)

    async def story(call: Call) -> None:
        told = Counter[int]()
        for number in range(70):
            path = ("/v1/classify", "/v1/embeddings")[number % 2]
            status, headers, answer = await call("POST", path, BODY, authorization=limited)
            told[status] += 1
        assert told == {404: 60, 429: 10}
        assert answer["error"]["code"] == "rate_limited"
        assert answer["error"]["param"] == "requests_per_minute"
        assert "The plan 'free' allows 60 requests a minute" in answer["error"]["message"]
        assert 0 < int(headers["retry-after"]) <= 60
        status, headers, answer = await call("POST", "/hf/models/m", BODY, authorization=limited)
        assert (status, answer["code"]) == (429, "rate_limited")
        assert int(headers["retry-after"]) > 0
        assert (await call("POST", "/v1/classify", BODY, authorization=other))[0] == 404

    played(story)


def test_without_a_plan_the_installations_limits_rule(
    organizations: list[OrganizationRef], settings: Any
) -> None:
    settings.ANNEAL_DEFAULT_LIMITS = {"requests_per_minute": 2}
    key = bearer(organizations[0])

    async def story(call: Call) -> None:
        told = [(await call("POST", "/v1/classify", BODY, authorization=key))[0] for _ in range(3)]
        assert told == [404, 404, 429]

    played(story)
