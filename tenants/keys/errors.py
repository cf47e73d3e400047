"""Refusals of the keys app. Each code has its line in docs/errors.md."""

from anneal.kernel.errors import Conflict, PermissionDenied, RateLimited
from tenants.keys.contracts import KeyLimits


class ScopeBeyondRole(PermissionDenied):
    """A key was asked to do what its maker may not."""

    code = "scope_beyond_role"
    message = "A key never exceeds its maker's role: leave this scope out, or ask an admin."


class TooManyKeys(Conflict):
    """An organization keeps a bounded number of live keys."""

    code = "too_many_keys"
    message = "Too many live keys: revoke one that is not used any more."


class KeyRevoked(Conflict):
    """Nothing of a key that has ended can be changed."""

    code = "key_revoked"
    message = "This key is revoked and stays so: make a new one."


class KeyRateLimited(RateLimited):
    """The key's own limit is reached; `param` names it. The organization may have room left."""

    code = "key_rate_limited"
    message = "This API key has reached its own limit: wait, or raise it under API keys."


def key_requests_per_minute_reached(limits: KeyLimits, *, retry_after: int) -> KeyRateLimited:
    """Return the refusal of a call above the minute's of its key."""
    return KeyRateLimited(
        f"This API key may make {limits.requests_per_minute:,} requests a minute"
        f" (requests_per_minute): wait {retry_after} s, or raise the key's limit"
        " (PATCH /v1/api_keys/...).",
        param="requests_per_minute",
        retry_after=retry_after,
    )


def key_calls_in_flight_reached(limits: KeyLimits) -> KeyRateLimited:
    """Return the refusal of a call beside too many others of its key."""
    return KeyRateLimited(
        f"This API key may have {limits.calls_in_flight:,} online calls at once (calls_in_flight):"
        " wait for an answer before the next call, send several texts in one, or raise the key's"
        " limit (PATCH /v1/api_keys/...).",
        param="calls_in_flight",
        retry_after=1,
    )
