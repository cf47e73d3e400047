"""People, organizations and clients for tests, made by the product's own services."""

from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from tenants.accounts.contracts import UserInfo
from tenants.accounts.models import Membership
from tenants.accounts.services.organizations import organization_create, organization_draft
from tenants.accounts.services.users import user_create_verified
from tenants.keys.format import key_generate
from tenants.keys.models import ApiKey


def make_organization(stem: str) -> OrganizationRef:
    """Make an organization with an owner; the trial is granted as at sign-up."""
    organization = organization_draft(stem)
    owner = make_user(stem)
    with tenant_scope(organization):
        organization_create(
            organization=organization, actor=SYSTEM_ACTOR, name=stem, owner_id=owner.id
        )
    return organization


def make_user(stem: str = "user") -> UserInfo:
    """Make a person with a verified address."""
    return user_create_verified(email=f"{stem}-{uuid4().hex[:8]}@example.com", password=None)


def make_member(organization: OrganizationRef, role: Role) -> UserInfo:
    """Make a person with a role in the organization."""
    user = make_user(role.value)
    with system_scope("test"):
        Membership(organization_id=organization.id, user_id=user.id, role=role).save(
            force_insert=True
        )
    return user


def make_key(organization: OrganizationRef, role: Role, *scopes: KeyScope) -> str:
    """Make an API key of a new member; without scopes it may do all that its maker may."""
    user = make_member(organization, role)
    key = key_generate("live")
    with system_scope("test"):
        ApiKey(
            organization_id=organization.id,
            name="test",
            digest=key.digest,
            prefix=key.prefix,
            last4=key.last4,
            scopes=[str(scope) for scope in scopes or (KeyScope.ADMIN,)],
            created_by_id=user.id,
        ).save(force_insert=True)
    return key.text


def make_client(
    organization: OrganizationRef, role: Role = Role.OWNER, *scopes: KeyScope
) -> APIClient:
    """Return a client that calls the API with a key of that role."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_key(organization, role, *scopes)}")
    return client


def error_of(response: Any) -> dict[str, Any]:
    """Return an answer's error object."""
    error: dict[str, Any] = response.json()["error"]
    return error
