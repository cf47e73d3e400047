"""Callers with an API key."""

from django.db import connection
from django.http import HttpRequest

from anneal.kernel.errors import AuthenticationFailed, OrganizationSuspended
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor, KeyScope, Principal, Role
from anneal.kernel.scopes import OrganizationRef
from tenants.keys.format import key_digest


def authenticate_key(request: HttpRequest) -> Principal | None:
    """Return the caller behind `Authorization: Bearer ak_...`; None without that header.

    A wrong checksum is refused without asking the database.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    digest = key_digest(text.strip())
    if digest is None:
        raise AuthenticationFailed("This is no API key: it was mistyped or cut off.")
    return key_principal(digest)


def key_principal(digest: str) -> Principal:
    """Return the principal of a stored key; one query, no scope needed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key_id, organization_id, slug, suspended, role, scopes FROM key_lookup(%s)",
            [digest],
        )
        row = cursor.fetchone()
    if row is None:
        raise AuthenticationFailed("This API key is unknown, revoked or expired: make a new one.")
    key_id, organization_id, slug, suspended, role, scopes = row
    if suspended:
        raise OrganizationSuspended
    return Principal(
        organization=OrganizationRef(id=organization_id, slug=slug),
        actor=Actor(kind="api_key", id=key_id, label=public_id("key_", key_id)),
        role=Role(role),
        key_scopes=frozenset(KeyScope(scope) for scope in scopes),
        key_id=key_id,
    )
