"""Keys: made, shown once, revoked."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import InvalidRequest, NotFound, PermissionDenied
from anneal.kernel.ids import public_id
from anneal.kernel.principal import (
    SCOPE_PERMISSIONS,
    SYSTEM_ACTOR,
    Actor,
    KeyScope,
    Principal,
)
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.accounts.contracts import MembershipChanged
from tenants.keys.contracts import CHANNEL_REVOKED, UNLIMITED, KeyInfo, KeyLimits, KeyMade
from tenants.keys.errors import KeyRevoked, ScopeBeyondRole, TooManyKeys
from tenants.keys.format import Environment, key_generate
from tenants.keys.models import ApiKey, KeyKind

SESSION_LIFETIME: Final = timedelta(hours=1)
MAX_LIVE_KEYS: Final = 500
MAX_LIVE_SESSION_KEYS: Final = 20


def api_key_create(
    *,
    organization: OrganizationRef,
    principal: Principal,
    name: str,
    scopes: frozenset[KeyScope],
    expires_at: datetime | None = None,
    environment: Environment = "live",
    limits: KeyLimits = UNLIMITED,
) -> KeyMade:
    """Make a key. Its scopes may not exceed the caller's rights: role and, for a key, scopes."""
    require_scope(organization)
    _check_scopes(principal, scopes)
    if expires_at is not None and expires_at <= clock.now():
        raise InvalidRequest("The expiry date has passed: choose a later one.", param="expires_at")
    if _live(KeyKind.API).count() >= MAX_LIVE_KEYS:
        raise TooManyKeys
    made = _make(principal, name, KeyKind.API, environment, scopes, expires_at, limits)
    audit_record(
        actor=principal.actor,
        action="api_key.create",
        target=public_id("key_", made.key.id),
        detail={
            "name": made.key.name,
            "scopes": sorted(scopes),
            "prefix": made.key.prefix,
            **asdict(limits),
        },
        organization=organization,
    )
    return made


def session_key_create(
    *, organization: OrganizationRef, principal: Principal, session: str
) -> KeyMade:
    """Make the web page's key: an hour, scope predict. The oldest of many live ones gives way.

    It ends with the browser's ``session``, however that ends.

    It gives no right the signed-in person lacks, so it leaves no audit row.
    """
    require_scope(organization)
    mine = _live(KeyKind.SESSION).filter(created_by_id=key_maker(principal)).order_by("-id")
    _revoke(list(mine[MAX_LIVE_SESSION_KEYS - 1 :]))
    return _make(
        principal,
        "Web page",
        KeyKind.SESSION,
        "sess",
        frozenset({KeyScope.PREDICT}),
        clock.now() + SESSION_LIFETIME,
        UNLIMITED,
        session,
    )


def api_key_limit(
    *,
    organization: OrganizationRef,
    actor: Actor,
    key_id: UUID,
    changes: Mapping[str, int | None],
) -> KeyInfo:
    """Change those of a key's limits that are named, from its next call on. Raises KeyRevoked."""
    require_scope(organization)
    row = _locked(organization, key_id)
    if row.revoked_at is not None:
        raise KeyRevoked
    before = key_limits(row)
    limits = replace(before, **changes)
    if limits != before:
        row.requests_per_minute = limits.requests_per_minute
        row.calls_in_flight = limits.calls_in_flight
        row.save(update_fields=["requests_per_minute", "calls_in_flight"])
        _forget([row.digest])
        _audit(organization, actor, "api_key.limit", row, **asdict(limits), before=asdict(before))
    return key_info(row)


def api_key_revoke(*, organization: OrganizationRef, actor: Actor, key_id: UUID) -> KeyInfo:
    """End a key; its next call is refused. Revoking twice changes nothing."""
    require_scope(organization)
    row = _locked(organization, key_id)
    if row.revoked_at is None:
        _revoke([row])
        _audit(organization, actor, "api_key.revoke", row)
    return key_info(row)


def keys_follow_membership(event: MembershipChanged) -> None:
    """Revoke a leaver's keys; let caches forget the keys of one whose role changed."""
    rows = list(
        ApiKey.objects.filter(
            organization_id=event.organization.id, created_by_id=event.user_id, revoked_at=None
        )
    )
    if event.role is None:
        _revoke(rows)
        for row in rows:
            if row.kind == KeyKind.API:
                _audit(
                    event.organization,
                    SYSTEM_ACTOR,
                    "api_key.revoke",
                    row,
                    because="the maker left",
                )
    else:
        _forget([row.digest for row in rows])


def key_info(row: ApiKey) -> KeyInfo:
    """Copy a row without its digest."""
    return KeyInfo(
        id=row.id,
        name=row.name,
        kind=row.kind,
        prefix=row.prefix,
        last4=row.last4,
        scopes=tuple(KeyScope(scope) for scope in row.scopes),
        created_by=row.created_by_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        limits=key_limits(row),
    )


def key_limits(row: ApiKey) -> KeyLimits:
    """Copy a row's limits."""
    return KeyLimits(
        requests_per_minute=row.requests_per_minute, calls_in_flight=row.calls_in_flight
    )


def _make(
    principal: Principal,
    name: str,
    kind: KeyKind,
    environment: Environment,
    scopes: frozenset[KeyScope],
    expires_at: datetime | None,
    limits: KeyLimits,
    session: str = "",
) -> KeyMade:
    fresh = key_generate(environment)
    row = ApiKey(
        organization_id=principal.organization.id,
        name=" ".join(name.split())[:80] or "Key",
        kind=kind,
        digest=fresh.digest,
        prefix=fresh.prefix,
        last4=fresh.last4,
        scopes=sorted(scopes),
        created_by_id=key_maker(principal),
        expires_at=expires_at,
        session=session,
        requests_per_minute=limits.requests_per_minute,
        calls_in_flight=limits.calls_in_flight,
    )
    row.save(force_insert=True)
    return KeyMade(key=key_info(row), secret=fresh.text)


def _check_scopes(principal: Principal, scopes: frozenset[KeyScope]) -> None:
    if not scopes:
        raise InvalidRequest("Name at least one scope.", param="scopes")
    for scope in sorted(scopes):
        if not all(principal.can(permission) for permission in SCOPE_PERMISSIONS[scope]):
            raise ScopeBeyondRole(
                f"Your rights do not cover the scope '{scope}': leave it out, or ask an admin.",
                param="scopes",
            )


def key_maker(principal: Principal) -> UUID:
    """Return the person behind the caller: a key made by a key has that key's maker."""
    if principal.actor.kind == "user" and principal.actor.id is not None:
        return principal.actor.id
    maker: UUID | None = (
        ApiKey.objects.filter(id=principal.key_id).values_list("created_by_id", flat=True).first()
    )
    if maker is None:
        raise PermissionDenied("A key is made by a person or by a person's key.")
    return maker


def _locked(organization: OrganizationRef, key_id: UUID) -> ApiKey:
    rows = ApiKey.objects.select_for_update().filter(organization_id=organization.id)
    row: ApiKey | None = rows.filter(id=key_id, kind=KeyKind.API).first()
    if row is None:
        raise NotFound
    return row


def _audit(
    organization: OrganizationRef, actor: Actor, action: str, row: ApiKey, **more: Any
) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("key_", row.id),
        detail={"name": row.name, **more},
        organization=organization,
    )


def _live(kind: KeyKind) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(kind=kind, revoked_at=None).filter(
        Q(expires_at=None) | Q(expires_at__gt=clock.now())
    )


def _revoke(rows: list[ApiKey]) -> None:
    for row in rows:
        row.revoked_at = clock.now()
        row.save(update_fields=["revoked_at"])
    _forget([row.digest for row in rows])


def _forget(digests: list[str]) -> None:
    """Tell the gateways after the commit; their caches also end by themselves within seconds."""
    if digests:
        transaction.on_commit(lambda: _publish(digests), robust=True)


def _publish(digests: list[str]) -> None:
    client = redis_client()
    for digest in digests:
        client.publish(CHANNEL_REVOKED, digest)
