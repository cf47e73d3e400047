"""Calls with a browser session: CSRF, the organization header, suspension."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, system_scope
from tenants.accounts.models import Membership
from tenants.accounts.services import organization_restore, organization_suspend
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import error_of, make_client, make_member, make_user

HEADER = "anneal-organization"


def test_the_only_membership_needs_no_header(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.VIEWER))

    answer = browser.get("/v1/organization")

    assert answer.json()["slug"] == organization.slug
    assert answer.json()["role"] == "viewer"


def test_several_memberships_need_the_header(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    user = make_member(organization, Role.ADMIN)
    with system_scope("test"):
        Membership(organization_id=other_organization.id, user_id=user.id, role=Role.VIEWER).save(
            force_insert=True
        )
    browser = browser_for(user)

    answer = browser.get("/v1/organization")
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "organization_required"
    chosen = browser.get("/v1/organization", **{HEADER: public_id("org_", other_organization.id)})
    assert chosen.json()["slug"] == other_organization.slug
    by_address = browser.get(f"/v1/organization?organization={public_id('org_', organization.id)}")
    assert by_address.json()["slug"] == organization.slug


def test_another_organization_is_not_found(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    browser = browser_for(make_member(organization, Role.OWNER))

    foreign = browser.get("/v1/organization", **{HEADER: public_id("org_", other_organization.id)})
    unknown = browser.get("/v1/organization", **{HEADER: public_id("org_", uuid7())})

    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert error_of(foreign)["code"] == error_of(unknown)["code"] == "not_found"


def test_a_person_without_organization_is_told_so(db: None) -> None:
    browser = browser_for(make_user())

    assert error_of(browser.get("/v1/organization"))["code"] == "organization_required"
    assert browser.get("/v1/me").json()["organizations"] == []


def test_a_write_without_csrf_token_is_refused(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.ADMIN))

    refused = browser.call("PATCH", "/v1/organization", {"name": "New"}, **{"x-csrftoken": ""})
    assert refused.status_code == 403
    assert "CSRF" in error_of(refused)["message"]
    assert (
        browser.call("PATCH", "/v1/me", {"theme": "dark"}, **{"x-csrftoken": ""}).status_code == 403
    )

    assert browser.call("PATCH", "/v1/organization", {"name": "New"}).json()["name"] == "New"


def test_suspension_refuses_the_next_call_of_session_and_key(
    organization: OrganizationRef,
) -> None:
    browser = browser_for(make_member(organization, Role.OWNER))
    client = make_client(organization)
    assert browser.get("/v1/organization").status_code == 200

    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")

    assert error_of(browser.get("/v1/organization"))["code"] == "organization_suspended"
    assert error_of(client.get("/v1/organization"))["code"] == "organization_suspended"
    assert browser.get("/v1/me").json()["organizations"][0]["suspended"] is True
    with system_scope("test"):
        organization_restore(organization=organization, actor=SYSTEM_ACTOR)
    assert client.get("/v1/organization").status_code == 200


def test_me_changes_language_and_theme(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.VIEWER))

    answer = browser.call("PATCH", "/v1/me", {"language": "zh-Hans", "theme": "dark", "name": "李"})

    assert (answer.json()["language"], answer.json()["theme"]) == ("zh-Hans", "dark")
    wrong = browser.call("PATCH", "/v1/me", {"language": "fr"})
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "language")
    assert browser.call("PATCH", "/v1/me", {"is_staff": True}).json()["is_operator"] is False


def test_a_session_call_needs_few_queries(organization: OrganizationRef) -> None:
    browser = browser_for(make_member(organization, Role.VIEWER))

    with CaptureQueriesContext(connection) as queries:
        browser.get("/v1/organization")

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    # session, user, memberships, scope in, organization, scope out
    assert len(statements) == 6, statements
