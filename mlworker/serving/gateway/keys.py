"""Who calls: API keys looked up by digest, kept a minute, dropped when a revoke is pushed.

The ledger asks for each key again with every hold, so this cache decides nothing about money.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from anneal.kernel.errors import (
    AuthenticationFailed,
    OrganizationSuspended,
    PermissionDenied,
    Unavailable,
)
from anneal.kernel.principal import Actor, KeyScope, Permission, Principal, Role
from anneal.kernel.scopes import OrganizationRef
from billing.plans.contracts import LimitsInForce, PlanLimits
from billing.plans.selectors import limits_default
from mlworker.serving.gateway.caches import AgedCache
from mlworker.serving.gateway.http import Scope, header
from mlworker.serving.gateway.stands import Bound, key_bound, organization_bound
from tenants.keys.contracts import KeyLimits
from tenants.keys.format import key_digest

KEY_SECONDS: Final = 60.0
KEYS_KEPT: Final = 20_000
LOOKUPS: Final = 2
"""Of keys that are not known, at once: a crowd with invented keys leaves the other connections of
the pool to those who call."""
LOOKUP_SECONDS: Final = 5.0
"""How long one may take, with the wait for its turn."""

_LOOKUP: Final = (
    "SELECT k.key_id, k.organization_id, k.slug, k.suspended, k.role, k.scopes, k.expires_at,"
    " k.created_by, k.requests_per_minute, k.calls_in_flight,"
    " l.plan, l.requests_per_minute, l.calls_in_flight"
    " FROM key_lookup(%s) AS k LEFT JOIN plan_limits_of(k.organization_id) AS l ON true"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated key; `digest` names it in caches and pushes."""

    digest: str
    organization: OrganizationRef
    key_id: UUID
    may_predict: bool
    suspended: bool
    expires_at: datetime | None
    member_id: UUID
    """Who made the key: the member's limits count its calls too."""
    bounds: tuple[Bound, ...]
    """What its calls pass, its organization's last; none when nothing limits them."""


class KeyDirectory:
    """The keys this process has seen lately."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]) -> None:
        self._pool = pool
        self._known: AgedCache[str, Caller] = AgedCache(seconds=KEY_SECONDS, size=KEYS_KEPT)
        self._digests: AgedCache[str, str] = AgedCache(seconds=KEY_SECONDS, size=KEYS_KEPT)
        self._asking: dict[str, asyncio.Task[Caller]] = {}
        self._lookups = asyncio.Semaphore(LOOKUPS)

    async def caller(self, scope: Scope) -> Caller:
        """Return who calls, allowed to predict. Raises 401, 403 or Unavailable."""
        digest = self._digest(scope)
        caller = self._known.get(digest) or await self._ask_once(digest)
        if caller.expires_at is not None and caller.expires_at <= datetime.now(UTC):
            self._known.drop(digest)
            raise AuthenticationFailed("This API key has expired.")
        if caller.suspended:
            raise OrganizationSuspended
        if not caller.may_predict:
            raise PermissionDenied("This key may not predict: make one with the scope 'predict'.")
        return caller

    def forget_key(self, digest: str) -> None:
        """Drop one key."""
        self._known.drop(digest)
        self._asking.pop(digest, None)

    def forget_organization(self, organization_id: str) -> None:
        """Drop every key of an organization."""
        of = UUID(organization_id)
        self._known.drop_where(lambda _, caller: caller.organization.id == of)
        self._asking.clear()  # whose they are is not known yet

    def forget_all(self) -> None:
        """Drop everything: pushes may have been missed."""
        self._known.clear()
        self._digests.clear()
        self._asking.clear()

    def _digest(self, scope: Scope) -> str:
        """Return the key's sha256; checking its checksum costs more than all the rest of this."""
        given = header(scope, b"authorization")
        if given is None:
            raise AuthenticationFailed
        text = _bearer(given)
        known = self._digests.get(text)
        if known is not None:
            return known
        digest = key_digest(text)
        if digest is None:
            raise AuthenticationFailed("This is not an API key: it must look like 'ak_live_...'.")
        self._digests.put(text, digest)
        return digest

    async def _ask_once(self, digest: str) -> Caller:
        """Look a key up; simultaneous calls with the same key share one query."""
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._ask(digest))
            self._asking[digest] = task
        return await asyncio.shield(task)

    async def _ask(self, digest: str) -> Caller:
        try:
            async with (
                asyncio.timeout(LOOKUP_SECONDS),
                self._lookups,
                self._pool.connection() as connection,
            ):
                row = await (await connection.execute(_LOOKUP, [digest])).fetchone()
        except (psycopg.Error, PoolTimeout, OSError):
            raise Unavailable(retry_after=1) from None
        finally:
            # Forgotten while it was read: it may be older than the change, and is not kept.
            current = self._asking.get(digest) is asyncio.current_task()
            if current:
                del self._asking[digest]
        if row is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired.")
        caller = _caller(digest, row)
        if current:
            self._known.put(digest, caller)
        return caller


def _caller(digest: str, row: tuple[Any, ...]) -> Caller:
    key_id, organization_id, slug, suspended, role, scopes, expires_at, member_id, *limits = row
    organization = OrganizationRef(id=organization_id, slug=slug)
    principal = Principal(
        organization=organization,
        actor=Actor(kind="api_key", id=key_id, label=""),
        role=Role(role),
        key_scopes=frozenset(KeyScope(scope) for scope in scopes),
        key_id=key_id,
    )
    may_predict = principal.can(Permission.PREDICT)
    return Caller(
        digest,
        organization,
        key_id,
        may_predict,
        suspended,
        expires_at,
        member_id,
        _bounds(key_id, KeyLimits(*limits[:2]), organization_id, _plan_limits(*limits[2:])),
    )


def _bounds(
    key_id: UUID, own: KeyLimits, organization_id: UUID, plan: LimitsInForce
) -> tuple[Bound, ...]:
    key, organization = key_bound(key_id, own), organization_bound(organization_id, plan)
    if key.binds:
        return key, organization
    return (organization,) if organization.binds else ()


def _plan_limits(plan: str | None, rate: int | None, in_flight: int | None) -> LimitsInForce:
    if plan is None:
        return limits_default()
    return LimitsInForce(plan, PlanLimits(requests_per_minute=rate, calls_in_flight=in_flight))


def _bearer(given: bytes) -> str:
    kind, _, text = given.decode("latin-1").partition(" ")
    if kind.lower() != "bearer":
        raise AuthenticationFailed
    return text.strip()
