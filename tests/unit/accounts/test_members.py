"""Who may take in, change and remove whom."""

from uuid import UUID

import pytest
from rest_framework.test import APIClient

from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import (
    ROLE_PERMISSIONS,
    SYSTEM_ACTOR,
    Actor,
    KeyScope,
    Permission,
    Principal,
    Role,
)
from anneal.kernel.scopes import OrganizationRef, ScopeError, tenant_scope
from tenants.accounts import selectors, services
from tenants.accounts.contracts import UserInfo
from tenants.accounts.errors import AlreadyMember, LastOwner, OwnerRequired
from tests.unit.accounts.helpers import browser_for
from tests.unit.factories import error_of, make_client, make_key, make_member, make_user

MEMBERS = "/v1/organization/members"

TABLE = {
    Role.VIEWER: {Permission.READ},
    Role.ANNOTATOR: {Permission.READ, Permission.LABEL},
    Role.DEVELOPER: {
        Permission.READ,
        Permission.LABEL,
        Permission.UPLOAD,
        Permission.TRAIN,
        Permission.DEPLOY,
        Permission.PREDICT,
        Permission.KEYS_OWN,
    },
    Role.BILLING: {Permission.READ, Permission.BILLING_READ, Permission.BILLING_MANAGE},
    Role.ADMIN: set(Permission) - {Permission.OWNERSHIP},
    Role.OWNER: set(Permission),
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_roles_allow_what_the_table_says(role: Role, permission: Permission) -> None:
    principal = Principal(
        organization=OrganizationRef(id=uuid7(), slug="acme"), actor=SYSTEM_ACTOR, role=role
    )

    assert principal.can(permission) == (permission in TABLE[role])
    assert set(ROLE_PERMISSIONS) == set(TABLE)


@pytest.mark.parametrize(
    ("role", "status"),
    [("viewer", 403), ("annotator", 403), ("developer", 403), ("billing", 403), ("admin", 200)],
)
def test_only_admins_change_roles(organization: OrganizationRef, role: str, status: int) -> None:
    member = make_member(organization, Role.VIEWER)
    client = make_client(organization, Role(role))

    answer = client.patch(
        f"{MEMBERS}/{public_id('usr_', member.id)}", {"role": "annotator"}, format="json"
    )

    assert answer.status_code == status


def test_an_admin_neither_makes_nor_unmakes_owners(organization: OrganizationRef) -> None:
    client = make_client(organization, Role.ADMIN)
    owner = make_member(organization, Role.OWNER)
    viewer = make_member(organization, Role.VIEWER)

    raised = client.patch(
        f"{MEMBERS}/{public_id('usr_', viewer.id)}", {"role": "owner"}, format="json"
    )
    removed = client.delete(f"{MEMBERS}/{public_id('usr_', owner.id)}")

    assert (raised.status_code, error_of(raised)["code"]) == (403, "owner_required")
    assert (removed.status_code, error_of(removed)["code"]) == (403, "owner_required")


def test_not_even_an_owners_key_makes_or_unmakes_owners(organization: OrganizationRef) -> None:
    """A key that leaks must not be able to take the organization over."""
    client = make_client(organization, Role.OWNER, KeyScope.ADMIN)
    owner, viewer = make_member(organization, Role.OWNER), make_member(organization, Role.VIEWER)
    member = f"{MEMBERS}/{public_id('usr_', viewer.id)}"

    raised = client.patch(member, {"role": "owner"}, format="json")
    removed = client.delete(f"{MEMBERS}/{public_id('usr_', owner.id)}")
    body = {"email": "new@example.com", "role": "owner"}
    invited = client.post("/v1/organization/invitations", body, format="json")

    assert {error_of(one)["code"] for one in (raised, removed, invited)} == {"owner_required"}
    assert client.patch(member, {"role": "admin"}, format="json").status_code == 200
    assert browser_for(owner).call("PATCH", member, {"role": "owner"}).status_code == 200


def test_the_last_owner_stays(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        (owner,) = selectors.members_list(organization=organization)
    browser = browser_for(make_owner(owner.user_id, owner.email))

    left = browser.call("DELETE", f"{MEMBERS}/{public_id('usr_', owner.user_id)}")
    lowered = browser.call(
        "PATCH", f"{MEMBERS}/{public_id('usr_', owner.user_id)}", {"role": "admin"}
    )

    assert error_of(left)["code"] == error_of(lowered)["code"] == "last_owner"
    make_member(organization, Role.OWNER)
    left = browser.call("DELETE", f"{MEMBERS}/{public_id('usr_', owner.user_id)}")
    assert left.status_code == 204


def test_a_member_may_leave_and_remove_nobody_else(organization: OrganizationRef) -> None:
    viewer = make_member(organization, Role.VIEWER)
    other = make_member(organization, Role.VIEWER)
    browser = browser_for(viewer)

    assert browser.call("DELETE", f"{MEMBERS}/{public_id('usr_', other.id)}").status_code == 403
    assert browser.call("DELETE", f"{MEMBERS}/{public_id('usr_', viewer.id)}").status_code == 204
    assert browser.get("/v1/organization").status_code == 400


def test_a_leavers_keys_are_refused_at_once(organization: OrganizationRef) -> None:
    admin = make_client(organization, Role.OWNER)
    key = make_key(organization, Role.DEVELOPER, KeyScope.PREDICT)
    leaver = APIClient()
    leaver.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert leaver.get("/v1/organization").status_code == 200
    members = admin.get(MEMBERS).json()["data"]
    (developer,) = [member for member in members if member["role"] == "developer"]

    assert admin.delete(f"{MEMBERS}/{developer['id']}").status_code == 204

    assert leaver.get("/v1/organization").status_code == 401
    (row,) = admin.get("/v1/audit?action=api_key.revoke").json()["data"]
    assert row["detail"]["because"] == "the maker left"


def test_a_stranger_is_not_found(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    client = make_client(organization)
    foreign = make_member(other_organization, Role.VIEWER)

    for user_id in (public_id("usr_", foreign.id), public_id("usr_", uuid7()), "usr_!", "nonsense"):
        assert client.get(f"{MEMBERS}/{user_id}").status_code == 404
        assert client.delete(f"{MEMBERS}/{user_id}").status_code == 404
        assert client.patch(f"{MEMBERS}/{user_id}", {"role": 1}, format="json").status_code == 404


def test_services_know_their_own_rules(organization: OrganizationRef) -> None:
    user = make_user()
    actor = Actor(kind="user", id=user.id, label=user.email)

    with tenant_scope(organization):
        services.membership_add(
            organization=organization, actor=actor, user_id=user.id, role=Role.VIEWER
        )
        with pytest.raises(AlreadyMember):
            services.membership_add(
                organization=organization, actor=actor, user_id=user.id, role=Role.ADMIN
            )
        with pytest.raises(OwnerRequired):
            services.membership_change_role(
                organization=organization,
                actor=actor,
                actor_role=Role.ADMIN,
                user_id=user.id,
                role=Role.OWNER,
            )
        owner = selectors.members_list(organization=organization)[0]
        with pytest.raises(LastOwner):
            services.membership_remove(
                organization=organization,
                actor=actor,
                actor_role=Role.OWNER,
                user_id=owner.user_id,
            )


def test_a_service_outside_its_scope_raises(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with pytest.raises(ScopeError):
        selectors.members_list(organization=organization)
    with tenant_scope(other_organization), pytest.raises(ScopeError):
        selectors.members_list(organization=organization)


def make_owner(user_id: UUID, email: str) -> UserInfo:
    return UserInfo(
        id=user_id, email=email, name="", language="en", theme="auto", is_operator=False
    )
