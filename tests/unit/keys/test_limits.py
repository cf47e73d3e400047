"""A key's own limits: set at birth or later, told to the gateways, never 0."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from anneal.kernel.ids import parse_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from tenants.keys.contracts import CHANNEL_REVOKED
from tenants.keys.format import key_digest
from tenants.keys.models import ApiKey
from tests.unit.accounts.helpers import Browser, browser_for
from tests.unit.factories import error_of, make_client, make_member
from tests.unit.keys.test_api_keys import KEYS, make


@pytest.fixture
def browser(organization: OrganizationRef) -> Browser:
    return browser_for(make_member(organization, Role.DEVELOPER))


def limit(browser: Browser, made: dict[str, Any], **limits: object) -> Any:
    return browser.call("PATCH", f"{KEYS}/{made['id']}", limits)


def limits_of(key: dict[str, Any]) -> tuple[int | None, int | None]:
    return key["requests_per_minute"], key["calls_in_flight"]


def test_a_key_has_the_limits_it_was_made_with_or_none(browser: Browser) -> None:
    assert limits_of(make(browser)) == (None, None)
    assert limits_of(make(browser, requests_per_minute=60, calls_in_flight=2)) == (60, 2)
    assert limits_of(make(browser, requests_per_minute=None, calls_in_flight=1)) == (None, 1)
    listed = [limits_of(key) for key in browser.get(KEYS).json()["data"]]
    assert listed == [(None, 1), (60, 2), (None, None)]


def test_a_change_touches_what_it_names_and_null_takes_a_limit_away(browser: Browser) -> None:
    made = make(browser, requests_per_minute=60)

    assert limits_of(limit(browser, made, calls_in_flight=2).json()) == (60, 2)
    assert limits_of(limit(browser, made, requests_per_minute=None).json()) == (None, 2)
    assert limits_of(browser.get(f"{KEYS}/{made['id']}").json()) == (None, 2)


def test_the_gateways_are_told_of_a_change_and_of_no_other(
    browser: Browser, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    made = make(browser)
    ear = redis_client().pubsub(ignore_subscribe_messages=True)
    ear.subscribe(CHANNEL_REVOKED)
    ear.get_message(timeout=1)

    with django_capture_on_commit_callbacks(execute=True):
        limit(browser, made, requests_per_minute=60)

    message = ear.get_message(timeout=2)
    assert message is not None
    assert message["data"].decode() == key_digest(made["key"])
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        assert limit(browser, made, requests_per_minute=60).status_code == 200
    assert callbacks == []
    ear.close()


def test_limits_are_audited_with_those_before(
    organization: OrganizationRef, browser: Browser
) -> None:
    made = make(browser, calls_in_flight=4)
    limit(browser, made, requests_per_minute=60, calls_in_flight=None)
    limit(browser, made)

    with tenant_scope(organization):
        first, second = AuditEvent.objects.filter(target=made["id"]).order_by("id")
    assert (first.action, first.detail["calls_in_flight"]) == ("api_key.create", 4)
    assert second.action == "api_key.limit"
    assert second.detail == {
        "name": "CI",
        "requests_per_minute": 60,
        "calls_in_flight": None,
        "before": {"requests_per_minute": None, "calls_in_flight": 4},
    }


@pytest.mark.parametrize("name", ["requests_per_minute", "calls_in_flight"])
@pytest.mark.parametrize("value", [0, -1, 1_000_001, "many", 1.5, True, []])
def test_a_limit_is_a_whole_number_of_at_least_one(
    browser: Browser, name: str, value: object
) -> None:
    made = make(browser)

    refused = limit(browser, made, **{name: value})
    born = browser.post(KEYS, {"name": "x", "scopes": ["predict"], name: value})

    assert (refused.status_code, error_of(refused)["param"]) == (400, name)
    assert (born.status_code, error_of(born)["param"]) == (400, name)


@pytest.mark.parametrize("name", ["requests_per_minute", "calls_in_flight"])
def test_the_database_itself_keeps_no_limit_of_nothing(browser: Browser, name: str) -> None:
    key_id = parse_id("key_", make(browser)["id"])

    with system_scope("test"), pytest.raises(IntegrityError), transaction.atomic():
        ApiKey.objects.filter(id=key_id).update(**{name: 0})


def test_a_key_is_limited_by_who_may_see_it(
    organization: OrganizationRef, other_organization: OrganizationRef, browser: Browser
) -> None:
    made = make(browser)
    colleague = browser_for(make_member(organization, Role.DEVELOPER))
    admin = browser_for(make_member(organization, Role.ADMIN))
    foreign = browser_for(make_member(other_organization, Role.OWNER))
    itself = make_client(organization, Role.DEVELOPER, KeyScope.PREDICT)

    assert limit(colleague, made, calls_in_flight=1).status_code == 404
    assert limit(foreign, made, calls_in_flight=1).status_code == 404
    assert itself.patch(f"{KEYS}/{made['id']}", {}, format="json").status_code == 404
    assert limits_of(limit(admin, made, calls_in_flight=1).json()) == (None, 1)


def test_a_revoked_key_is_not_limited_any_more(browser: Browser) -> None:
    made = make(browser)
    browser.call("DELETE", f"{KEYS}/{made['id']}")

    refused = limit(browser, made, calls_in_flight=1)

    assert (refused.status_code, error_of(refused)["code"]) == (409, "key_revoked")


def test_the_lookup_of_a_key_tells_its_limits(browser: Browser) -> None:
    made = make(browser, requests_per_minute=60, calls_in_flight=2)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT requests_per_minute, calls_in_flight FROM key_lookup(%s)",
            [key_digest(made["key"])],
        )
        assert cursor.fetchone() == (60, 2)
