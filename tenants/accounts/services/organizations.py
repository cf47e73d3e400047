"""Organizations: made, renamed, suspended, restored."""

import logging
import re
import secrets
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from anneal.kernel import clock, events
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import InvalidRequest, NotFound, OrganizationSuspended
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import Actor, Role
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.accounts.contracts import CHANNEL_ORGANIZATIONS, OrganizationInfo
from tenants.accounts.errors import SlugTaken, TooManyOrganizations
from tenants.accounts.models import Membership, Organization, OrganizationKind, User
from tenants.accounts.rows import organization_info
from tenants.accounts.selectors import memberships_of_user

logger = logging.getLogger(__name__)

MAX_OWNED: Final = 5
"""One person makes a handful of organizations and no more."""
_SLUG_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_SLUG_RANDOM: Final = 6
_SLUG_STEM: Final = 20


def organization_draft(stem: str) -> OrganizationRef:
    """Name an organization that does not exist yet, after `stem` (an address or a name).

    Its scope is opened first and the organization made inside it, so that sign-up needs no
    system scope.
    """
    words = re.sub(r"[^a-z0-9]+", "-", stem.split("@")[0].lower()).strip("-")[:_SLUG_STEM]
    tail = "".join(secrets.choice(_SLUG_LETTERS) for _ in range(_SLUG_RANDOM))
    return OrganizationRef(id=uuid7(), slug=f"{words or 'team'}-{tail}".replace("--", "-"))


def organization_allow(*, user_id: UUID) -> None:
    """Refuse one more organization to a person who owns enough, or owns a suspended one.

    Each starts with a trial. Locks the person's row until the scope closes, so that of two calls
    at once the second counts what the first made. Raises TooManyOrganizations,
    OrganizationSuspended.
    """
    User.objects.select_for_update().get(id=user_id)
    owned = [one for one in memberships_of_user(user_id) if one.role == Role.OWNER]
    if any(one.suspended for one in owned):
        raise OrganizationSuspended
    if len(owned) >= MAX_OWNED:
        raise TooManyOrganizations


def organization_create(
    *,
    organization: OrganizationRef,
    actor: Actor,
    name: str,
    owner_id: UUID | None,
    kind: str = OrganizationKind.CUSTOMER,
) -> OrganizationInfo:
    """Make `organization` (see `organization_draft`) with its owner; the trial is granted with it.

    Runs inside tenant_scope(organization). Raises SlugTaken; the scope is then lost.
    """
    require_scope(organization)
    row = Organization(id=organization.id, slug=organization.slug, name=_name(name), kind=kind)
    try:
        row.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken from error
    if owner_id is not None:
        Membership(organization_id=organization.id, user_id=owner_id, role=Role.OWNER).save(
            force_insert=True
        )
    audit_record(
        actor=actor,
        action="organization.create",
        target=public_id("org_", organization.id),
        detail={"slug": organization.slug, "name": row.name, "kind": str(kind)},
        organization=organization,
    )
    events.publish(events.OrganizationCreated(organization=organization))
    return organization_info(row)


def organization_rename(
    *, organization: OrganizationRef, actor: Actor, name: str
) -> OrganizationInfo:
    """Change the name people read. The slug stays: it is part of model names."""
    require_scope(organization)
    row = _locked(organization)
    before, row.name = row.name, _name(name)
    row.save(update_fields=["name"])
    audit_record(
        actor=actor,
        action="organization.rename",
        target=public_id("org_", organization.id),
        detail={"from": before, "to": row.name},
        organization=organization,
    )
    organization_announce(organization)
    return organization_info(row)


def organization_suspend(*, organization: OrganizationRef, actor: Actor, reason: str) -> None:
    """Refuse the organization's next call. System scope; suspending twice keeps the first date."""
    require_scope(organization)
    reason = reason.strip()
    if not reason:
        raise InvalidRequest("Say why: the organization's people will read it.", param="reason")
    row = _locked(organization)
    row.suspended_at = row.suspended_at or clock.now()
    row.suspended_reason = reason[:500]
    row.save(update_fields=["suspended_at", "suspended_reason"])
    audit_record(
        actor=actor,
        action="organization.suspend",
        target=public_id("org_", organization.id),
        detail={"reason": row.suspended_reason},
        organization=organization,
    )
    events.publish(events.OrganizationSuspended(organization=organization))
    organization_announce(organization)


def organization_restore(*, organization: OrganizationRef, actor: Actor, reason: str = "") -> None:
    """Lift a suspension. System scope."""
    require_scope(organization)
    row = _locked(organization)
    row.suspended_at, row.suspended_reason = None, ""
    row.save(update_fields=["suspended_at", "suspended_reason"])
    audit_record(
        actor=actor,
        action="organization.restore",
        target=public_id("org_", organization.id),
        detail={"reason": reason.strip()[:500]},
        organization=organization,
    )
    organization_announce(organization)


def organization_lock(organization: OrganizationRef) -> None:
    """Let one change of the organization's people happen at a time, until the scope closes."""
    _locked(organization)


def _locked(organization: OrganizationRef) -> Organization:
    # Not its key: every row of the organization points at that, so its calls and workers would
    # wait, and a suspension would wait for the jobs of workers that do.
    row: Organization | None = (
        Organization.objects.select_for_update(no_key=True).filter(id=organization.id).first()
    )
    if row is None:
        raise NotFound
    return row


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidRequest("A name has at least one letter.", param="name")
    return name[:120]


def organization_announce(organization: OrganizationRef) -> None:
    """Tell the gateways after the commit; their caches also end by themselves within seconds."""
    transaction.on_commit(
        lambda: redis_client().publish(CHANNEL_ORGANIZATIONS, str(organization.id)), robust=True
    )
