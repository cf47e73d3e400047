"""Who acts, for which organization, and what that allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef


class Role(StrEnum):
    """The six roles inside an organization, weakest first."""

    VIEWER = "viewer"
    ANNOTATOR = "annotator"
    DEVELOPER = "developer"
    BILLING = "billing"
    ADMIN = "admin"
    OWNER = "owner"


class Permission(StrEnum):
    """What a route may ask for."""

    READ = "read"
    LABEL = "label"
    UPLOAD = "upload"
    TRAIN = "train"
    DEPLOY = "deploy"
    PREDICT = "predict"
    KEYS_OWN = "keys:own"
    KEYS_ALL = "keys:all"
    BILLING_READ = "billing:read"
    BILLING_MANAGE = "billing:manage"
    MEMBERS = "members"
    WEBHOOKS = "webhooks"
    AUDIT_READ = "audit:read"
    OWNERSHIP = "ownership"


class KeyScope(StrEnum):
    """What an API key was made for."""

    PREDICT = "predict"
    DATASETS = "datasets"
    TRAIN = "train"
    DEPLOY = "deploy"
    BILLING_READ = "billing:read"
    ADMIN = "admin"


_P = Permission
_VIEWER = frozenset({_P.READ})
_ANNOTATOR = _VIEWER | {_P.LABEL}
_DEVELOPER = _ANNOTATOR | {_P.UPLOAD, _P.TRAIN, _P.DEPLOY, _P.PREDICT, _P.KEYS_OWN}
_BILLING = _VIEWER | {_P.BILLING_READ, _P.BILLING_MANAGE}
_ADMIN = _DEVELOPER | _BILLING | {_P.MEMBERS, _P.KEYS_ALL, _P.WEBHOOKS, _P.AUDIT_READ}

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.ANNOTATOR: _ANNOTATOR,
        Role.DEVELOPER: _DEVELOPER,
        Role.BILLING: _BILLING,
        Role.ADMIN: _ADMIN,
        Role.OWNER: _ADMIN | {_P.OWNERSHIP},
    }
)

SCOPE_PERMISSIONS: Final[Mapping[KeyScope, frozenset[Permission]]] = MappingProxyType(
    {
        KeyScope.PREDICT: frozenset({_P.PREDICT, _P.READ}),
        KeyScope.DATASETS: frozenset({_P.UPLOAD, _P.LABEL, _P.READ}),
        KeyScope.TRAIN: frozenset({_P.TRAIN, _P.READ}),
        KeyScope.DEPLOY: frozenset({_P.DEPLOY, _P.READ}),
        KeyScope.BILLING_READ: frozenset({_P.BILLING_READ}),
        # What the role admin may do. An organization's ownership is never a key's to change.
        KeyScope.ADMIN: _ADMIN,
    }
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it, as the audit row will say."""

    kind: Literal["user", "api_key", "operator", "system"]
    id: UUID | None
    label: str


SYSTEM_ACTOR: Final = Actor(kind="system", id=None, label="anneal")


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller acting for one organization."""

    organization: OrganizationRef
    actor: Actor
    role: Role
    key_scopes: frozenset[KeyScope] | None = None
    key_id: UUID | None = None

    @property
    def acting_role(self) -> Role:
        """The role that counts where a service asks for one: no key acts as an owner."""
        if self.role == Role.OWNER and not self.can(Permission.OWNERSHIP):
            return Role.ADMIN
        return self.role

    def can(self, permission: Permission) -> bool:
        """Say whether role and key both allow it; a key never exceeds its maker's role."""
        if permission not in ROLE_PERMISSIONS[self.role]:
            return False
        if self.key_scopes is None:
            return True
        return any(permission in SCOPE_PERMISSIONS[scope] for scope in self.key_scopes)
