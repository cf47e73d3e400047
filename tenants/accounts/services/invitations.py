"""Invitations: a token by mail, good for a week and for one address."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.validators import validate_email
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor, Role
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.accounts.contracts import InvitationInfo, InvitationMade, UserInfo
from tenants.accounts.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationForSomebodyElse,
    InvitationInvalid,
    OwnerRequired,
)
from tenants.accounts.models import Invitation, Membership
from tenants.accounts.services.members import membership_add
from tenants.accounts.services.organizations import organization_lock

LIFETIME: Final = timedelta(days=7)


def invitation_create(
    *, organization: OrganizationRef, actor: Actor, actor_role: Role, email: str, role: Role
) -> InvitationMade:
    """Invite an address. The token is returned this once; only its sha256 is stored."""
    require_scope(organization)
    if role == Role.OWNER and actor_role != Role.OWNER:
        raise OwnerRequired
    organization_lock(organization)
    email = email.strip().lower()
    validate_email(email)
    _refuse_known(organization, email)
    token = secrets.token_urlsafe(32)
    row = Invitation(
        email=email,
        role=role,
        token_sha256=token_digest(token),
        invited_by_id=actor.id if actor.kind == "user" else None,
        expires_at=clock.now() + LIFETIME,
    )
    row.save(force_insert=True)
    _tell(organization, actor, "invitation.create", row)
    return InvitationMade(invitation=invitation_info(row), token=token)


def invitation_revoke(*, organization: OrganizationRef, actor: Actor, invitation_id: UUID) -> None:
    """Close an open invitation."""
    require_scope(organization)
    row = _open(organization, Invitation.objects.filter(id=invitation_id).first())
    row.revoked_at = clock.now()
    row.save(update_fields=["revoked_at"])
    _tell(organization, actor, "invitation.revoke", row)


def invitation_accept(
    *, organization: OrganizationRef, actor: Actor, user: UserInfo, token: str
) -> Role:
    """Join by token. The signed-in address must be the invited one."""
    require_scope(organization)
    organization_lock(organization)
    row = Invitation.objects.filter(token_sha256=token_digest(token)).first()
    if row is None or row.accepted_at or row.revoked_at or row.expires_at <= clock.now():
        raise InvitationInvalid
    if row.email != user.email:
        raise InvitationForSomebodyElse
    membership_add(organization=organization, actor=actor, user_id=user.id, role=Role(row.role))
    row.accepted_at, row.accepted_by_id = clock.now(), user.id
    row.save(update_fields=["accepted_at", "accepted_by_id"])
    _tell(organization, actor, "invitation.accept", row)
    return Role(row.role)


def invitation_find(token: str) -> OrganizationRef:
    """Say which organization a token opens; needs no scope. Raises InvitationInvalid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, slug FROM invitation_lookup(%s)", [token_digest(token)]
        )
        found = cursor.fetchone()
    if found is None:
        raise InvitationInvalid
    return OrganizationRef(id=found[0], slug=found[1])


def invitation_info(row: Invitation) -> InvitationInfo:
    """Copy a row without its secret."""
    return InvitationInfo(
        id=row.id,
        email=row.email,
        role=Role(row.role),
        expires_at=row.expires_at,
        created_at=row.created_at,
    )


def token_digest(token: str) -> str:
    """Return the sha256 (hex) a token is stored under; tokens carry 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def _refuse_known(organization: OrganizationRef, email: str) -> None:
    if Membership.objects.filter(organization_id=organization.id, user__email=email).exists():
        raise AlreadyMember
    waiting = Invitation.objects.filter(email=email, accepted_at=None, revoked_at=None)
    # An invitation past its date makes room for a new one.
    waiting.filter(expires_at__lte=clock.now()).update(revoked_at=clock.now())
    if waiting.exists():
        raise AlreadyInvited


def _open(organization: OrganizationRef, row: Invitation | None) -> Invitation:
    if row is None or row.organization_id != organization.id or row.accepted_at or row.revoked_at:
        raise NotFound
    return row


def _tell(organization: OrganizationRef, actor: Actor, action: str, row: Invitation) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("inv_", row.id),
        detail={"email": row.email, "role": row.role},
        organization=organization,
    )
