"""What may be read about accounts."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Role
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.accounts.contracts import (
    InvitationInfo,
    MemberInfo,
    MembershipInfo,
    OrganizationInfo,
)
from tenants.accounts.models import Invitation, Membership, Organization
from tenants.accounts.rows import invitation_info, organization_info


def memberships_of_user(user_id: UUID) -> list[MembershipInfo]:
    """List where a person belongs, oldest first; needs no scope (it is how one is chosen)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, slug, name, role, suspended FROM memberships_of_user(%s)",
            [user_id],
        )
        return [
            MembershipInfo(OrganizationRef(id=row[0], slug=row[1]), row[2], Role(row[3]), row[4])
            for row in cursor.fetchall()
        ]


def organization_get(*, organization: OrganizationRef) -> OrganizationInfo:
    """Read the open organization."""
    require_scope(organization)
    row = Organization.objects.filter(id=organization.id).first()
    if row is None:
        raise NotFound
    return organization_info(row)


def due_of(pairs: Iterable[tuple[UUID, UUID]]) -> list[Due]:
    """Name the organizations of what is due, told by (id, organization's id). System scope."""
    found = list(pairs)
    rows = Organization.objects.filter(id__in={owner for _, owner in found})
    slugs = dict(rows.values_list("id", "slug"))
    return [Due(each, OrganizationRef(id=owner, slug=slugs[owner])) for each, owner in found]


def members_list(*, organization: OrganizationRef) -> list[MemberInfo]:
    """List the organization's people, oldest member first."""
    require_scope(organization)
    rows = (
        Membership.objects.filter(organization_id=organization.id)
        .select_related("user")
        .order_by("id")
    )
    return [
        MemberInfo(
            user_id=row.user_id,
            email=row.user.email,
            name=row.user.name,
            role=Role(row.role),
            joined_at=row.created_at,
            language=row.user.language,
        )
        for row in rows
    ]


def member_get(*, organization: OrganizationRef, user_id: UUID) -> MemberInfo:
    """Read one member; NotFound for anybody else, known to the installation or not."""
    found = [row for row in members_list(organization=organization) if row.user_id == user_id]
    if not found:
        raise NotFound(f"No member has the id '{public_id('usr_', user_id)}'.")
    return found[0]


def invitations_open(*, organization: OrganizationRef) -> list[InvitationInfo]:
    """List invitations that wait, newest first."""
    require_scope(organization)
    rows = Invitation.objects.filter(accepted_at=None, revoked_at=None).order_by("-id")
    return [invitation_info(row) for row in rows]


def invitation_get(*, organization: OrganizationRef, invitation_id: UUID) -> InvitationInfo:
    """Read one open invitation."""
    require_scope(organization)
    row = Invitation.objects.filter(id=invitation_id, accepted_at=None, revoked_at=None).first()
    if row is None:
        raise NotFound
    return invitation_info(row)
