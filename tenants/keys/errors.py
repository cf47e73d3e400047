"""Refusals of the keys app. Each code has its line in docs/errors.md."""

from anneal.kernel.errors import Conflict, PermissionDenied


class ScopeBeyondRole(PermissionDenied):
    """A key was asked to do what its maker may not."""

    code = "scope_beyond_role"
    message = "A key never exceeds its maker's role: leave this scope out, or ask an admin."


class TooManyKeys(Conflict):
    """An organization keeps a bounded number of live keys."""

    code = "too_many_keys"
    message = "Too many live keys: revoke one that is not used any more."
