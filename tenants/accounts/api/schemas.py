"""Bodies and answers of the accounts API."""

from typing import Any

from rest_framework import serializers

from anneal.kernel.ids import public_id
from anneal.kernel.principal import Role
from tenants.accounts.contracts import (
    InvitationInfo,
    MemberInfo,
    MembershipInfo,
    OrganizationInfo,
    UserInfo,
)
from tenants.accounts.models import Language, Theme

ROLES = [role.value for role in Role]
_LANGUAGES = {"en": Language.ENGLISH, "zh-Hans": Language.CHINESE, "zh-hans": Language.CHINESE}


class MeChange(serializers.Serializer[Any]):
    """A person's own settings."""

    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=list(_LANGUAGES), required=False)
    theme = serializers.ChoiceField(choices=Theme.values, required=False)

    def validate_language(self, value: str) -> str:
        """Store one spelling of each language."""
        return _LANGUAGES[value]


class MembershipOut(serializers.Serializer[Any]):
    """An organization the person belongs to."""

    id = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    suspended = serializers.BooleanField()


class MeOut(serializers.Serializer[Any]):
    """The signed-in person."""

    id = serializers.CharField()
    object = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField()
    language = serializers.ChoiceField(choices=["en", "zh-Hans"])
    theme = serializers.ChoiceField(choices=Theme.values)
    is_operator = serializers.BooleanField()
    organizations = MembershipOut(many=True)


class OrganizationName(serializers.Serializer[Any]):
    """An organization's name."""

    name = serializers.CharField(max_length=120)


class OrganizationOut(serializers.Serializer[Any]):
    """The organization a call acts for."""

    id = serializers.CharField()
    object = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    suspended = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class RoleBody(serializers.Serializer[Any]):
    """A member's new role."""

    role = serializers.ChoiceField(choices=ROLES)


class MemberOut(serializers.Serializer[Any]):
    """A person of the organization."""

    id = serializers.CharField()
    object = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    created_at = serializers.DateTimeField()


class MemberListOut(serializers.Serializer[Any]):
    """Everybody, oldest member first."""

    object = serializers.CharField()
    data = MemberOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()


class InvitationCreate(serializers.Serializer[Any]):
    """Whom to invite, and as what."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=ROLES)


class InvitationOut(serializers.Serializer[Any]):
    """An open invitation."""

    id = serializers.CharField()
    object = serializers.CharField()
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=ROLES)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class InvitationMadeOut(InvitationOut):
    """A new invitation with its link, which is shown this once."""

    url = serializers.URLField()


class InvitationListOut(serializers.Serializer[Any]):
    """Open invitations, newest first."""

    object = serializers.CharField()
    data = InvitationOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()


class InvitationToken(serializers.Serializer[Any]):
    """The token of an invitation's link."""

    token = serializers.CharField(max_length=200)


def membership_json(one: MembershipInfo) -> dict[str, Any]:
    """Render an organization of a person."""
    return {
        "id": public_id("org_", one.organization.id),
        "slug": one.organization.slug,
        "name": one.name,
        "role": str(one.role),
        "suspended": one.suspended,
    }


def me_json(user: UserInfo, memberships: list[MembershipInfo]) -> dict[str, Any]:
    """Render the signed-in person."""
    return {
        "id": public_id("usr_", user.id),
        "object": "user",
        "email": user.email,
        "name": user.name,
        "language": "zh-Hans" if user.language == Language.CHINESE else "en",
        "theme": user.theme,
        "is_operator": user.is_operator,
        "organizations": [membership_json(one) for one in memberships],
    }


def organization_json(info: OrganizationInfo, role: Role) -> dict[str, Any]:
    """Render the organization of a call."""
    return {
        "id": public_id("org_", info.id),
        "object": "organization",
        "slug": info.slug,
        "name": info.name,
        "role": str(role),
        "suspended": info.suspended_at is not None,
        "created_at": info.created_at.isoformat(),
    }


def member_json(member: MemberInfo) -> dict[str, Any]:
    """Render a member."""
    return {
        "id": public_id("usr_", member.user_id),
        "object": "member",
        "email": member.email,
        "name": member.name,
        "role": str(member.role),
        "created_at": member.joined_at.isoformat(),
    }


def invitation_json(invitation: InvitationInfo) -> dict[str, Any]:
    """Render an invitation without its token."""
    return {
        "id": public_id("inv_", invitation.id),
        "object": "invitation",
        "email": invitation.email,
        "role": str(invitation.role),
        "created_at": invitation.created_at.isoformat(),
        "expires_at": invitation.expires_at.isoformat(),
    }
