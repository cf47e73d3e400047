"""Refusals of the accounts app. Each code has its line in docs/errors.md."""

from anneal.kernel.errors import Conflict, InvalidRequest, PermissionDenied, RateLimited


class SlugTaken(Conflict):
    """Another organization carries this slug."""

    code = "slug_taken"
    message = "This slug is taken: choose another one."


class LastOwner(Conflict):
    """The change would leave an organization without an owner."""

    code = "last_owner"
    message = "An organization keeps at least one owner: make another member owner first."


class AlreadyMember(Conflict):
    """The person belongs to the organization already."""

    code = "already_member"
    message = "This person is a member already: change the role instead."


class AlreadyInvited(Conflict):
    """An open invitation waits for this address."""

    code = "already_invited"
    message = "An invitation for this address is open: revoke it first to send another."


class OwnerRequired(PermissionDenied):
    """Only an owner may make, change or remove an owner."""

    code = "owner_required"
    message = "Only an owner may make, change or remove an owner."


class InvitationInvalid(InvalidRequest):
    """The token is unknown, used, revoked or too old."""

    code = "invitation_invalid"
    message = "This invitation is not valid any more: ask for a new one."


class InvitationForSomebodyElse(PermissionDenied):
    """The signed-in address is not the invited one."""

    code = "invitation_other_address"
    message = "This invitation was sent to another address: sign in with that one."


class TooManyOrganizations(Conflict):
    """One person may own a handful of organizations."""

    code = "too_many_organizations"
    message = "You own as many organizations as this installation allows."


class TooManyInvitations(RateLimited):
    """An organization has sent a day's worth of invitations."""

    code = "too_many_invitations"
    message = "This organization has invited many people today: try again tomorrow."
