"""What changes accounts: organizations, members, invitations, a user's own settings."""

from tenants.accounts.services.invitations import (
    invitation_accept,
    invitation_create,
    invitation_revoke,
)
from tenants.accounts.services.members import (
    membership_add,
    membership_change_role,
    membership_remove,
)
from tenants.accounts.services.operators import operator_link_create, operator_link_use
from tenants.accounts.services.organizations import (
    organization_allow,
    organization_announce,
    organization_create,
    organization_draft,
    organization_rename,
    organization_restore,
    organization_suspend,
)
from tenants.accounts.services.users import user_create_verified, user_preferences_change

__all__ = [
    "invitation_accept",
    "invitation_create",
    "invitation_revoke",
    "membership_add",
    "membership_change_role",
    "membership_remove",
    "operator_link_create",
    "operator_link_use",
    "organization_allow",
    "organization_announce",
    "organization_create",
    "organization_draft",
    "organization_rename",
    "organization_restore",
    "organization_suspend",
    "user_create_verified",
    "user_preferences_change",
]
