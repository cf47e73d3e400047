"""The audit trail: append-only rows, written in the transaction of what they tell."""

from typing import Any

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, ScopeError, current_scope


def audit_record(
    *,
    actor: Actor,
    action: str,
    target: str,
    detail: dict[str, Any] | None = None,
    organization: OrganizationRef | None = None,
) -> None:
    """Write one row: ``action`` is ``noun.verb``, ``target`` a public id.

    The organization is the open scope's; in a system scope it must be given.
    """
    scope = current_scope()
    owner = organization or (scope.organization if scope else None)
    if owner is None:
        raise ScopeError("An audit row needs an organization: give it in a system scope.")
    AuditEvent(
        organization_id=owner.id,
        action=action,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label,
        target=target,
        detail=detail or {},
    ).save(force_insert=True)
