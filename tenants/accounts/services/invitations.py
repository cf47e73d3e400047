"""Invitations: a token by mail, good for a week and for one address."""

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.errors import InvalidRequest, NotFound
from anneal.kernel.events import SeatTaking, publish
from anneal.kernel.principal import Actor, Role
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.accounts.contracts import InvitationMade, UserInfo
from tenants.accounts.errors import (
    AlreadyInvited,
    AlreadyMember,
    InvitationForSomebodyElse,
    InvitationInvalid,
    OwnerRequired,
    TooManyInvitations,
)
from tenants.accounts.models import Invitation, Membership
from tenants.accounts.rows import invitation_info
from tenants.accounts.services.members import invitation_tell, membership_add
from tenants.accounts.services.organizations import organization_lock

LIFETIME: Final = timedelta(days=7)
MOST_A_DAY: Final = 50


def invitation_create(
    *, organization: OrganizationRef, actor: Actor, actor_role: Role, email: str, role: Role
) -> InvitationMade:
    """Invite an address. The token is returned this once; only its sha256 is stored.

    Raises OwnerRequired, AlreadyMember, AlreadyInvited, TooManyInvitations, or what a subscriber of
    SeatTaking raises.
    """
    require_scope(organization)
    if role == Role.OWNER and actor_role != Role.OWNER:
        raise OwnerRequired
    organization_lock(organization)
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidRequest("This is no e-mail address.", param="email") from error
    _refuse_known(organization, email)
    _refuse_many()
    publish(SeatTaking(organization=organization, taken=_seats_taken(organization)))
    token = secrets.token_urlsafe(32)
    row = Invitation(
        email=email,
        role=role,
        token_sha256=token_digest(token),
        invited_by_id=actor.id if actor.kind == "user" else None,
        expires_at=clock.now() + LIFETIME,
    )
    row.save(force_insert=True)
    invitation_tell(organization, actor, "invitation.create", row)
    return InvitationMade(invitation=invitation_info(row), token=token)


def invitation_revoke(*, organization: OrganizationRef, actor: Actor, invitation_id: UUID) -> None:
    """Close an open invitation."""
    require_scope(organization)
    row = _open(organization, Invitation.objects.filter(id=invitation_id).first())
    row.revoked_at = clock.now()
    row.save(update_fields=["revoked_at"])
    invitation_tell(organization, actor, "invitation.revoke", row)


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
    invitation_tell(organization, actor, "invitation.accept", row)
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


def _refuse_many() -> None:
    """Each invitation is a mail to a stranger, so a day holds a bounded number of them."""
    lately = Invitation.objects.filter(created_at__gt=clock.now() - timedelta(days=1))
    if lately.count() >= MOST_A_DAY:
        raise TooManyInvitations(retry_after=3600)


def _seats_taken(organization: OrganizationRef) -> int:
    """Count the members, and the invitations that may still make members."""
    members = Membership.objects.filter(organization_id=organization.id).count()
    waiting = Invitation.objects.filter(accepted_at=None, revoked_at=None)
    return members + waiting.filter(expires_at__gt=clock.now()).count()


def _open(organization: OrganizationRef, row: Invitation | None) -> Invitation:
    if row is None or row.organization_id != organization.id or row.accepted_at or row.revoked_at:
        raise NotFound
    return row
