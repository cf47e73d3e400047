"""From ORM rows to what crosses the app's border."""

from anneal.kernel.principal import Role
from tenants.accounts.contracts import InvitationInfo, OrganizationInfo, UserInfo
from tenants.accounts.models import Invitation, Organization, User


def organization_info(row: Organization) -> OrganizationInfo:
    """Copy a row into the shape other apps may hold."""
    return OrganizationInfo(
        id=row.id,
        slug=row.slug,
        name=row.name,
        kind=row.kind,
        suspended_at=row.suspended_at,
        suspended_reason=row.suspended_reason,
        created_at=row.created_at,
    )


def invitation_info(row: Invitation) -> InvitationInfo:
    """Copy a row without its secret."""
    return InvitationInfo(
        id=row.id,
        email=row.email,
        role=Role(row.role),
        expires_at=row.expires_at,
        created_at=row.created_at,
    )


def user_info(user: User) -> UserInfo:
    """Copy a row into the shape other apps may hold."""
    return UserInfo(
        id=user.id,
        email=user.email,
        name=user.name,
        language=user.language,
        theme=user.theme,
        is_operator=user.is_staff,
    )
