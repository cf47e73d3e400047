"""Organizations: made, renamed, suspended; the audit row of each."""

import re

import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from anneal.kernel.errors import InvalidRequest
from anneal.kernel.events import OrganizationSuspended, subscribe
from anneal.kernel.ids import parse_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from tenants.accounts.contracts import HOUSE_ORGANIZATION
from tenants.accounts.errors import SlugTaken
from tenants.accounts.models import SLUG_PATTERN, Organization
from tenants.accounts.selectors import organization_get
from tenants.accounts.services import (
    organization_create,
    organization_draft,
    organization_rename,
    organization_restore,
    organization_suspend,
)
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import error_of, make_client, make_user


@pytest.mark.parametrize(
    "stem", ["Ada.Lovelace@example.com", "李雷", "--", "", "A" * 80, "a b/c?d", "ß", "x-"]
)
def test_a_draft_always_has_a_lawful_slug(stem: str) -> None:
    slug = organization_draft(stem).slug

    assert re.fullmatch(SLUG_PATTERN, slug)
    assert "--" not in slug
    assert not slug.startswith("-")


def test_a_taken_slug_is_refused(organization: OrganizationRef) -> None:
    draft = organization_draft("x")
    same = OrganizationRef(id=draft.id, slug=organization.slug)

    with pytest.raises(SlugTaken), tenant_scope(same):
        organization_create(
            organization=same, actor=SYSTEM_ACTOR, name="Copy", owner_id=make_user().id
        )


def test_the_house_is_there_from_the_start(db: None) -> None:
    with tenant_scope(HOUSE_ORGANIZATION):
        assert organization_get(organization=HOUSE_ORGANIZATION).kind == "house"


def test_the_name_changes_and_the_slug_does_not(organization: OrganizationRef) -> None:
    client = make_client(organization, Role.ADMIN)

    answer = client.patch(
        "/v1/organization", {"name": "  New   name ", "slug": "other"}, format="json"
    )

    assert answer.json()["name"] == "New name"
    assert answer.json()["slug"] == organization.slug
    assert client.patch("/v1/organization", {"name": " "}, format="json").status_code == 400
    developer = make_client(organization, Role.DEVELOPER)
    assert developer.patch("/v1/organization", {"name": "x"}, format="json").status_code == 403


def test_each_change_leaves_its_audit_row(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        organization_rename(organization=organization, actor=SYSTEM_ACTOR, name="New")
    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")
        organization_restore(organization=organization, actor=SYSTEM_ACTOR)

    with tenant_scope(organization):
        actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    wanted = ["organization.rename", "organization.suspend", "organization.restore"]
    assert [action for action in actions if action in wanted] == wanted


def test_a_tenant_cannot_lift_its_own_suspension(organization: OrganizationRef) -> None:
    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")

    with (
        tenant_scope(organization),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        Organization.objects.filter(id=organization.id).update(suspended_at=None)


def test_suspending_needs_a_reason_and_tells_the_other_rooms(
    organization: OrganizationRef,
) -> None:
    heard: list[OrganizationRef] = []
    subscribe(OrganizationSuspended, lambda event: heard.append(event.organization))

    with system_scope("test"):
        with pytest.raises(InvalidRequest):
            organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="  ")
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")
        assert Organization.objects.get(id=organization.id).suspended_reason == "unpaid"

    assert heard == [organization]


def test_one_person_owns_a_handful_of_organizations(db: None) -> None:
    browser = browser_for(make_user())

    answers = [browser.post("/v1/organizations", {"name": f"Team {n}"}) for n in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [409]
    assert error_of(answers[-1])["code"] == "too_many_organizations"
    assert answers[0].json()["role"] == "owner"


def test_an_owner_of_a_suspended_organization_makes_no_new_one(db: None) -> None:
    browser = browser_for(make_user())
    made = browser.post("/v1/organizations", {"name": "First"}).json()
    first = OrganizationRef(id=parse_id("org_", made["id"]), slug=made["slug"])
    with system_scope("test"):
        organization_suspend(organization=first, actor=SYSTEM_ACTOR, reason="fraud")

    answer = browser.post("/v1/organizations", {"name": "Second"})

    assert error_of(answer)["code"] == "organization_suspended"
    assert len(browser.get("/v1/me").json()["organizations"]) == 1


def test_the_handful_is_counted_under_a_lock(db: None) -> None:
    """Without it two calls at once both count the same organizations, and both get a trial."""
    browser = browser_for(make_user())

    with CaptureQueriesContext(connection) as queries:
        browser.post("/v1/organizations", {"name": "Team"})

    locked = [q["sql"] for q in queries if "accounts_user" in q["sql"] and "FOR UPDATE" in q["sql"]]
    assert len(locked) == 1
