"""The two doors to the database: one organization's rows, or the system's.

Both open a durable transaction and tell Postgres who is inside, for that transaction only: a
setting that outlived it would leak through the connection pool to the next borrower.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection, transaction


class ScopeError(RuntimeError):
    """A query or a service ran outside the scope it needs. Always a fault of ours."""


@dataclass(frozen=True, slots=True)
class OrganizationRef:
    """An organization as every layer names it."""

    id: UUID
    slug: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What is open: one organization, or None for the system."""

    organization: OrganizationRef | None
    reason: str

    def covers(self, organization: OrganizationRef) -> bool:
        """Say whether work for ``organization`` may happen here."""
        return self.organization is None or self.organization.id == organization.id


_current: Final[ContextVar[Scope | None]] = ContextVar("anneal_scope", default=None)


def current_scope() -> Scope | None:
    """Return the open scope, if any."""
    return _current.get()


def require_scope(organization: OrganizationRef) -> None:
    """Raise ScopeError unless the open scope covers ``organization``."""
    scope = _current.get()
    if scope is None or not scope.covers(organization):
        raise ScopeError(f"No scope of organization {organization.id} is open.")


@contextlib.contextmanager
def tenant_scope(organization: OrganizationRef) -> Iterator[Scope]:
    """Open one organization's door: a durable transaction that sees its rows alone."""
    _refuse_nesting()
    with transaction.atomic(durable=True):
        before = _swap_organization(str(organization.id))
        yield from _inside(Scope(organization, "tenant"))
        # Only reached without an exception; a rollback restores the setting by itself. Tests run
        # inside an outer transaction, where the setting would otherwise stay.
        _swap_organization(before)


@contextlib.contextmanager
def system_scope(reason: str) -> Iterator[Scope]:
    """Open the system's door. Its call sites are a listed few; ``reason`` says why."""
    _refuse_nesting()
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL ROLE anneal_system")
        yield from _inside(Scope(None, reason))
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


def scope_lock(name: str) -> None:
    """Let one open scope at a time go on behind this line; the lock goes when the scope closes.

    For what is counted before it is added to: two that come at once must not both be the last one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _refuse_nesting() -> None:
    open_scope = _current.get()
    if open_scope is not None:
        raise ScopeError(f"A scope is open already ({open_scope.reason}): close it first.")


def _inside(scope: Scope) -> Iterator[Scope]:
    token = _current.set(scope)
    try:
        yield scope
    finally:
        _current.reset(token)


def _swap_organization(value: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('app.organization_id', true),"
            " set_config('app.organization_id', %s, true)",
            [value],
        )
        row = cursor.fetchone()
    return (row[0] if row else None) or ""
