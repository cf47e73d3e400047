"""What other apps may know about accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef

HOUSE_ORGANIZATION: Final = OrganizationRef(
    id=UUID("00000000-0000-7000-8000-000000000001"), slug="house"
)
"""The installation's own organization; the anonymous trial is charged to it."""

CHANNEL_ORGANIZATIONS: Final = "organizations:changed"
"""Redis channel; payload: the organization's id. Sent when suspended, restored, renamed."""


@dataclass(frozen=True, slots=True)
class OrganizationInfo:
    """An organization as its members see it."""

    id: UUID
    slug: str
    name: str
    kind: str
    suspended_at: datetime | None
    suspended_reason: str
    created_at: datetime

    @property
    def ref(self) -> OrganizationRef:
        """The short form every service takes."""
        return OrganizationRef(id=self.id, slug=self.slug)


@dataclass(frozen=True, slots=True)
class MembershipInfo:
    """One organization a user belongs to."""

    organization: OrganizationRef
    name: str
    role: Role
    suspended: bool


@dataclass(frozen=True, slots=True)
class MemberInfo:
    """One person of an organization."""

    user_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime
    language: str = ""


@dataclass(frozen=True, slots=True)
class InvitationInfo:
    """An invitation without its token."""

    id: UUID
    email: str
    role: Role
    expires_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True)
class InvitationMade:
    """A new invitation and, this one time, its token."""

    invitation: InvitationInfo
    token: str


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A person, as the person sees themself."""

    id: UUID
    email: str
    name: str
    language: str
    theme: str
    is_operator: bool


@dataclass(frozen=True, slots=True)
class MembershipChanged(Event):
    """A member's role changed; `role` is None when the member is gone."""

    organization: OrganizationRef
    user_id: UUID
    role: Role | None
