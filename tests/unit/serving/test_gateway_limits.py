"""A plan's and a key's limits as callers of the online path meet them."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg_pool import AsyncConnectionPool

from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.plans.services import subscription_change
from mlworker.serving.gateway.keys import KeyDirectory
from tenants.keys.contracts import KeyLimits
from tenants.keys.format import key_digest
from tenants.keys.models import ApiKey
from tenants.keys.services import api_key_limit
from tests.unit.billing.books import Books
from tests.unit.billing.threads import at_once, organization_of
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


def limit(organization: OrganizationRef, bearing: str, **changes: int | None) -> KeyLimits:
    """Change a key's limits, as a request to the API does in a thread of its own."""
    with tenant_scope(organization):
        row = ApiKey.objects.get(digest=key_digest(bearing.removeprefix("Bearer ")))
        key = api_key_limit(
            organization=organization, actor=SYSTEM_ACTOR, key_id=row.id, changes=changes
        )
    connection.close()
    return key.limits


def both_limited_at_once(organization: OrganizationRef, bearing: str) -> KeyLimits:
    changes: list[dict[str, int | None]] = [{"requests_per_minute": 4}, {"calls_in_flight": 2}]
    at_once(2, lambda number: limit(organization, bearing, **changes[number]))
    return limit(organization, bearing)


def test_changes_at_once_that_name_different_limits_hold_both(
    organizations: list[OrganizationRef],
) -> None:
    organization = organizations[0]
    keys = [bearer(organization) for _ in range(10)]

    assert [both_limited_at_once(organization, key) for key in keys] == [KeyLimits(4, 2)] * 10


def test_a_keys_own_minute_counts_every_path_and_leaves_the_other_keys_alone(
    organizations: list[OrganizationRef],
) -> None:
    organization = organizations[0]
    limited, other = bearer(organization), bearer(organization)
    limit(organization, limited, requests_per_minute=4)

    async def story(call: Call) -> None:
        stream = BODY.replace(b"{", b'{"stream":true,', 1)
        paths = ("/v1/classify", "/v1/embeddings", "/hf/models/m")
        bodies = (BODY, BODY, b'{"inputs":"x"}', stream)
        for path, body in zip((*paths, paths[0]), bodies, strict=True):
            assert (await call("POST", path, body, authorization=limited))[0] == 404
        for path in paths[:2]:
            status, headers, answer = await call("POST", path, BODY, authorization=limited)
            assert (status, answer["error"]["code"]) == (429, "key_rate_limited")
            assert answer["error"]["param"] == "requests_per_minute"
            assert answer["error"]["type"] == "rate_limit_error"
            assert 0 < int(headers["retry-after"]) <= 60
        status, headers, answer = await call("POST", paths[2], BODY, authorization=limited)
        assert (status, answer["code"]) == (429, "key_rate_limited")
        assert int(headers["retry-after"]) > 0
        assert (await call("POST", paths[0], BODY, authorization=other))[0] == 404

    played(story)


def test_a_change_of_a_keys_limits_is_seen_though_the_key_is_cached(
    organizations: list[OrganizationRef],
) -> None:
    organization = organizations[0]
    key = bearer(organization)

    async def story(call: Call) -> None:
        async def last_of_many() -> int:
            status = 0
            for _ in range(20):
                status, _, _ = await call("POST", "/v1/classify", BODY, authorization=key)
                await asyncio.sleep(0.02)
            return status

        assert await last_of_many() == 404
        await asyncio.to_thread(limit, organization, key, requests_per_minute=2)
        assert await last_of_many() == 429
        await asyncio.to_thread(limit, organization, key, requests_per_minute=None)
        assert await last_of_many() == 404

    played(story)


def test_an_answer_under_way_when_a_key_changes_is_not_kept(
    organizations: list[OrganizationRef], settings: Any
) -> None:
    key = bearer(organizations[0])
    digest = key_digest(key.removeprefix("Bearer ")) or ""
    scope = {"headers": [(b"authorization", key.encode())]}

    async def story() -> tuple[bool, bool]:
        async with AsyncConnectionPool(
            settings.DATABASE_URL, min_size=1, open=False, kwargs={"autocommit": True}
        ) as pool:
            directory = KeyDirectory(pool)
            asking = asyncio.create_task(directory.caller(scope))
            while digest not in directory._asking:
                await asyncio.sleep(0)
            directory.forget_key(digest)
            await asking
            forgotten = digest in directory._known._entries
            await directory.caller(scope)
            return forgotten, digest in directory._known._entries

    assert asyncio.run(story()) == (False, True)


def test_a_key_widens_nothing_that_its_plan_allows(organizations: list[OrganizationRef]) -> None:
    organization = organizations[0]
    with tenant_scope(organization):
        subscription_change(organization=organization, actor=SYSTEM_ACTOR, plan="free")
    key = bearer(organization)
    limit(organization, key, requests_per_minute=1000)

    async def story(call: Call) -> None:
        told = Counter[str]()
        for _ in range(65):
            _, _, answer = await call("POST", "/v1/classify", BODY, authorization=key)
            told[answer["error"]["code"]] += 1
        assert told == {"model_not_found": 60, "rate_limited": 5}

    played(story)
