"""Keys over the API: made, shown once, used, revoked."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, public_id, uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from tenants.accounts.models import Membership, User
from tenants.keys.contracts import CHANNEL_REVOKED
from tenants.keys.format import key_digest, key_generate
from tenants.keys.models import ApiKey
from tests.unit.accounts.helpers import ALLAUTH, Browser, browser_for
from tests.unit.factories import error_of, make_client, make_key, make_member

KEYS = "/v1/api_keys"


def client_of(key: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def make(browser: Browser, **fields: object) -> dict:
    answer = browser.post(KEYS, {"name": "CI", "scopes": ["predict"]} | fields)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_key_is_shown_once_and_only_its_hash_is_kept(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))

    made = make(browser)

    (listed,) = browser.get(KEYS).json()["data"]
    assert "key" not in listed
    assert (listed["last4"], listed["prefix"]) == (made["key"][-4:], "ak_live_")
    with system_scope("test"):
        row = ApiKey.objects.get(id=parse_id("key_", made["id"]))
    assert row.digest == key_digest(made["key"])
    assert made["key"] not in str(vars(row))


def test_a_key_acts_for_its_organization_within_its_scopes(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.ADMIN))

    client = client_of(make(browser, scopes=["predict"])["key"])

    assert client.get("/v1/organization").json()["slug"] == organization.slug
    assert client.get("/v1/organization/invitations").status_code == 403
    assert client.get(KEYS).status_code == 403
    everything = client_of(make(browser, scopes=["admin"])["key"])
    assert everything.get("/v1/organization/invitations").status_code == 200


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.DEVELOPER, "predict", 201),
        (Role.DEVELOPER, "train", 201),
        (Role.DEVELOPER, "billing:read", 403),
        (Role.DEVELOPER, "admin", 403),
        (Role.ADMIN, "billing:read", 201),
        (Role.ADMIN, "admin", 201),
        (Role.OWNER, "admin", 201),
        (Role.VIEWER, "predict", 403),
        (Role.BILLING, "billing:read", 403),
    ],
)
def test_a_key_never_exceeds_its_makers_role(
    organization: OrganizationRef, role: Role, scope: str, status: int
) -> None:
    browser = browser_for(make_member(organization, role))

    assert browser.post(KEYS, {"name": "x", "scopes": [scope]}).status_code == status


def test_a_key_makes_no_wider_key(organization: OrganizationRef) -> None:
    admin = client_of(make_key(organization, Role.ADMIN, KeyScope.ADMIN))

    made = admin.post(KEYS, {"name": "child", "scopes": ["predict"]}, format="json")
    assert made.status_code == 201
    child = client_of(made.json()["key"])
    grandchild = child.post(KEYS, {"name": "x", "scopes": ["predict"]}, format="json")
    assert grandchild.status_code == 403


def test_a_keys_rights_follow_its_makers_role(organization: OrganizationRef) -> None:
    maker = make_member(organization, Role.ADMIN)
    client = client_of(make(browser_for(maker), scopes=["admin"])["key"])
    owner = make_client(organization, Role.OWNER)
    assert client.get("/v1/organization/invitations").status_code == 200

    owner.patch(
        f"/v1/organization/members/{public_id('usr_', maker.id)}",
        {"role": "viewer"},
        format="json",
    )

    assert client.get("/v1/organization/invitations").status_code == 403
    assert client.get("/v1/organization").status_code == 200


def test_a_revoked_key_is_refused_on_its_next_call_and_the_gateways_are_told(
    organization: OrganizationRef,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))
    made = make(browser)
    client = client_of(made["key"])
    assert client.get("/v1/organization").status_code == 200
    ear = redis_client().pubsub(ignore_subscribe_messages=True)
    ear.subscribe(CHANNEL_REVOKED)
    ear.get_message(timeout=1)

    with django_capture_on_commit_callbacks(execute=True):
        revoked = browser.call("DELETE", f"{KEYS}/{made['id']}")

    assert revoked.json()["revoked_at"]
    refused = client.get("/v1/organization")
    assert (refused.status_code, error_of(refused)["code"]) == (401, "authentication_failed")
    message = ear.get_message(timeout=2)
    assert message is not None
    assert message["data"].decode() == key_digest(made["key"])
    again = browser.call("DELETE", f"{KEYS}/{made['id']}")
    assert again.json()["revoked_at"] == revoked.json()["revoked_at"]
    ear.close()


def test_an_expired_key_is_refused(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))
    made = make(browser, expires_at=(clock.now() + timedelta(hours=1)).isoformat())
    client = client_of(made["key"])
    assert client.get("/v1/organization").status_code == 200

    with system_scope("test"):
        ApiKey.objects.update(expires_at=clock.now() - timedelta(seconds=1))

    assert client.get("/v1/organization").status_code == 401
    past = browser.post(
        KEYS,
        {
            "name": "x",
            "scopes": ["predict"],
            "expires_at": (clock.now() - timedelta(hours=1)).isoformat(),
        },
    )
    assert (past.status_code, error_of(past)["param"]) == (400, "expires_at")


def test_a_wrong_checksum_is_refused_without_the_database(db: None) -> None:
    text = key_generate("live").text
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")

    with CaptureQueriesContext(connection) as queries:
        answer = client_of(wrong).get("/v1/organization")

    assert answer.status_code == 401
    assert len(queries) == 0


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x y", "Basic abc", "ak_live_x"])
def test_other_credentials_are_refused(db: None, header: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)

    answer = client.get("/v1/organization")

    assert (answer.status_code, error_of(answer)["code"]) == (401, "authentication_failed")


def test_an_unknown_key_is_refused(db: None) -> None:
    assert client_of(key_generate("live").text).get("/v1/organization").status_code == 401


def test_a_key_call_needs_few_queries(organization: OrganizationRef) -> None:
    client = make_client(organization, Role.DEVELOPER, KeyScope.PREDICT)
    client.get("/v1/organization")

    with CaptureQueriesContext(connection) as queries:
        client.get("/v1/organization")

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    # key, scope in, organization, scope out
    assert len(statements) == 4, statements


def test_last_used_is_written_now_and_then(organization: OrganizationRef) -> None:
    client = make_client(organization)

    client.get("/v1/organization")
    with system_scope("test"):
        first = ApiKey.objects.get(organization_id=organization.id).last_used_at
    client.get("/v1/organization")
    with system_scope("test"):
        second = ApiKey.objects.get(organization_id=organization.id).last_used_at

    assert first is not None
    assert second == first


def test_a_developer_sees_and_revokes_the_own_keys_only(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    mine = browser_for(make_member(organization, Role.DEVELOPER))
    colleague = browser_for(make_member(organization, Role.DEVELOPER))
    admin = browser_for(make_member(organization, Role.ADMIN))
    foreign = browser_for(make_member(other_organization, Role.OWNER))
    made = make(mine)

    assert colleague.get(KEYS).json()["data"] == []
    assert colleague.call("DELETE", f"{KEYS}/{made['id']}").status_code == 404
    assert foreign.get(f"{KEYS}/{made['id']}").status_code == 404
    assert foreign.call("DELETE", f"{KEYS}/{made['id']}").status_code == 404
    assert mine.get(f"{KEYS}/{public_id('key_', uuid7())}").status_code == 404
    assert [key["id"] for key in admin.get(KEYS).json()["data"]] == [made["id"]]
    assert admin.call("DELETE", f"{KEYS}/{made['id']}").status_code == 200


def test_a_demoted_admins_key_still_sees_its_makers_keys(organization: OrganizationRef) -> None:
    maker = make_member(organization, Role.ADMIN)
    made = make(browser_for(maker), scopes=["admin"])
    with system_scope("test"):
        Membership.objects.filter(user_id=maker.id).update(role=Role.DEVELOPER)

    seen = client_of(made["key"]).get(KEYS).json()["data"]

    assert [key["id"] for key in seen] == [made["id"]]


def test_a_deactivated_makers_key_is_refused(organization: OrganizationRef) -> None:
    key = make_key(organization, Role.DEVELOPER, KeyScope.PREDICT)
    with system_scope("test"):
        maker = ApiKey.objects.get(organization_id=organization.id).created_by_id
    User.objects.filter(id=maker).update(is_active=False)

    assert client_of(key).get("/v1/organization").status_code == 401


def test_a_key_without_membership_is_refused(organization: OrganizationRef) -> None:
    key = make_key(organization, Role.DEVELOPER, KeyScope.PREDICT)
    with system_scope("test"):
        Membership.objects.filter(role="developer").delete()

    assert client_of(key).get("/v1/organization").status_code == 401


def test_the_web_page_gets_a_key_for_an_hour(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))

    made = browser.post("/v1/session_keys", {})

    assert made.status_code == 201
    assert made.json()["key"].startswith("ak_sess_")
    with system_scope("test"):
        row = ApiKey.objects.get(kind="session")
    assert row.scopes == ["predict"]
    assert row.expires_at is not None
    assert timedelta(minutes=59) < row.expires_at - clock.now() <= timedelta(hours=1)
    assert browser.get(KEYS).json()["data"] == []
    assert client_of(made.json()["key"]).get(KEYS).status_code == 403


def test_a_pages_key_ends_when_its_person_signs_out(organization: OrganizationRef) -> None:
    member = make_member(organization, Role.DEVELOPER)
    here, elsewhere = browser_for(member), browser_for(member)
    ends, stays = (each.post("/v1/session_keys", {}).json()["key"] for each in (here, elsewhere))
    own = make(here)["key"]

    here.call("DELETE", f"{ALLAUTH}/auth/session")

    told = [client_of(key).get("/v1/organization").status_code for key in (ends, stays, own)]
    assert told == [401, 200, 200]


def test_a_pages_key_ends_with_a_session_that_is_over(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))
    key = browser.post("/v1/session_keys", {}).json()["key"]

    Session.objects.update(expire_date=clock.now())

    assert client_of(key).get("/v1/organization").status_code == 401


def test_session_keys_are_for_people_who_may_predict(organization: OrganizationRef) -> None:
    viewer = browser_for(make_member(organization, Role.VIEWER))
    by_key = make_client(organization, Role.ADMIN)

    assert viewer.post("/v1/session_keys", {}).status_code == 403
    assert by_key.post("/v1/session_keys", {}, format="json").status_code == 403


def test_live_session_keys_are_bounded(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))

    keys = [browser.post("/v1/session_keys", {}).json()["key"] for _ in range(22)]

    assert client_of(keys[0]).get("/v1/organization").status_code == 401
    assert client_of(keys[-1]).get("/v1/organization").status_code == 200
    with system_scope("test"):
        assert ApiKey.objects.filter(kind="session", revoked_at=None).count() == 20


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes.0"),
        ({"scopes": ["predict"]}, "name"),
        ({"name": "x" * 81, "scopes": ["predict"]}, "name"),
        ({"name": "x", "scopes": ["predict"], "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "scopes": ["predict"], "environment": "prod"}, "environment"),
    ],
)
def test_a_wrong_body_names_its_field(
    organization: OrganizationRef, body: dict, param: str
) -> None:
    answer = make_client(organization).post(KEYS, body, format="json")

    assert answer.status_code == 400
    assert error_of(answer)["param"].startswith(param.split(".")[0])


def test_making_and_revoking_leave_audit_rows_without_the_secret(
    organization: OrganizationRef,
) -> None:
    browser = browser_for(make_member(organization, Role.DEVELOPER))
    made = make(browser)
    browser.call("DELETE", f"{KEYS}/{made['id']}")

    with tenant_scope(organization):
        rows = list(AuditEvent.objects.filter(target=made["id"]).order_by("id"))
    assert [row.action for row in rows] == ["api_key.create", "api_key.revoke"]
    assert made["key"] not in str([row.detail for row in rows])
