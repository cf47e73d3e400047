"""Who belongs to an organization, and as what."""

from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.events import SeatTaking, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor, Role
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.accounts.contracts import MembershipChanged
from tenants.accounts.errors import AlreadyMember, LastOwner, OwnerRequired
from tenants.accounts.models import Invitation, Membership
from tenants.accounts.services.organizations import organization_lock


def membership_add(
    *, organization: OrganizationRef, actor: Actor, user_id: UUID, role: Role
) -> None:
    """Take a person in. Raises AlreadyMember, or what a subscriber of SeatTaking raises."""
    require_scope(organization)
    organization_lock(organization)
    if Membership.objects.filter(organization_id=organization.id, user_id=user_id).exists():
        raise AlreadyMember
    taken = Membership.objects.filter(organization_id=organization.id).count()
    publish(SeatTaking(organization=organization, taken=taken))
    Membership(organization_id=organization.id, user_id=user_id, role=role).save(force_insert=True)
    _tell(organization, actor, "membership.add", user_id, role)


def membership_change_role(
    *, organization: OrganizationRef, actor: Actor, actor_role: Role, user_id: UUID, role: Role
) -> None:
    """Give a member another role. Owners are made and unmade by owners; one always stays.

    The person's keys follow at once, since a key never exceeds its maker's role.
    """
    require_scope(organization)
    organization_lock(organization)
    row = _member(organization, user_id)
    _check_owners(organization, row, actor_role, role)
    if row.role == role:
        return
    row.role = role
    row.save(update_fields=["role"])
    _tell(organization, actor, "membership.change_role", user_id, role)
    publish(MembershipChanged(organization=organization, user_id=user_id, role=role))


def membership_remove(
    *, organization: OrganizationRef, actor: Actor, actor_role: Role, user_id: UUID
) -> None:
    """End a membership (a member may end their own).

    The person's keys and open invitations are revoked with it: neither may be a way back in.
    """
    require_scope(organization)
    organization_lock(organization)
    row = _member(organization, user_id)
    _check_owners(organization, row, actor_role, None)
    row.delete()
    _tell(organization, actor, "membership.remove", user_id, None)
    waiting = Invitation.objects.filter(invited_by_id=user_id, accepted_at=None, revoked_at=None)
    for invitation in waiting:
        invitation.revoked_at = clock.now()
        invitation.save(update_fields=["revoked_at"])
        invitation_tell(organization, actor, "invitation.revoke", invitation)
    publish(MembershipChanged(organization=organization, user_id=user_id, role=None))


def invitation_tell(
    organization: OrganizationRef, actor: Actor, action: str, row: Invitation
) -> None:
    """Write an invitation's audit row."""
    audit_record(
        actor=actor,
        action=action,
        target=public_id("inv_", row.id),
        detail={"email": row.email, "role": row.role},
        organization=organization,
    )


def _member(organization: OrganizationRef, user_id: UUID) -> Membership:
    rows = Membership.objects.filter(organization_id=organization.id, user_id=user_id)
    row: Membership | None = rows.first()
    if row is None:
        raise NotFound
    return row


def _check_owners(
    organization: OrganizationRef, row: Membership, actor_role: Role, role: Role | None
) -> None:
    if actor_role != Role.OWNER and Role.OWNER in (row.role, role):
        raise OwnerRequired
    if row.role != Role.OWNER or role == Role.OWNER:
        return
    others = Membership.objects.filter(organization_id=organization.id, role=Role.OWNER)
    if not others.exclude(id=row.id).exists():
        raise LastOwner


def _tell(
    organization: OrganizationRef, actor: Actor, action: str, user_id: UUID, role: Role | None
) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("usr_", user_id),
        detail={"role": str(role)} if role else {},
        organization=organization,
    )
