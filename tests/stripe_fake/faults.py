"""Faults of the network and of Stripe, asked for one by one."""

import re
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from tests.stripe_fake.errors import (
    ApiError,
    InvalidRequest,
    RateLimited,
    StripeError,
    Unauthenticated,
)


class Fault(StrEnum):
    """What goes wrong with a request."""

    CUT_BEFORE = "cut_before"
    """The connection breaks and nothing happened."""
    CUT_AFTER = "cut_after"
    """It happened, and the connection breaks before the answer."""
    ERROR_BEFORE = "error_before"
    """Status 500 and nothing happened."""
    ERROR_AFTER = "error_after"
    """Status 500 although it happened."""
    RATE_LIMIT = "rate_limit"
    """Status 429: too many requests."""
    LOCK_TIMEOUT = "lock_timeout"
    """Status 429: another request holds the object."""
    BAD_KEY = "bad_key"
    """Status 401: the key is none of the account's any more."""
    FORBIDDEN = "forbidden"
    """Status 403: the key may not do this."""
    REFUSAL = "refusal"
    """Status 400: the account is not set up for this."""
    SLOW = "slow"
    """It happens at once, and the answer comes after `seconds`."""


@dataclass
class Rule:
    """Which requests a fault meets, and how many of them."""

    fault: Fault
    method: str
    path: str
    times: int
    seconds: float

    def meets(self, method: str, path: str) -> bool:
        """Tell whether this request is one of them."""
        fits = re.fullmatch(self.path, path) is not None
        return self.times > 0 and self.method in {"", method} and fits


class Faults:
    """The faults to come, each met by the first requests that fit it."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._lock = Lock()  # each request has a thread of its own

    def add(
        self,
        fault: str,
        *,
        method: str = "",
        path: str = ".*",
        times: int = 1,
        seconds: float = 0,
    ) -> None:
        """Let the next `times` requests to `path` (a pattern) meet the fault."""
        self._rules.append(Rule(Fault(fault), method, path, times, seconds))

    def take(self, method: str, path: str) -> Rule | None:
        """The fault that meets this request, if any; it counts as met."""
        with self._lock:
            for rule in self._rules:
                if rule.meets(method, path):
                    rule.times -= 1
                    return rule
        return None

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self._rules.clear()


def refusal_of(fault: Fault) -> StripeError | None:
    """The error with which a fault answers, if it answers at all."""
    match fault:
        case Fault.RATE_LIMIT:
            return RateLimited("Request rate limit exceeded.", code="rate_limit")
        case Fault.LOCK_TIMEOUT:
            return RateLimited(
                "This object cannot be accessed right now because another API request or Stripe "
                "process is currently accessing it.",
                code="lock_timeout",
            )
        case Fault.ERROR_BEFORE | Fault.ERROR_AFTER:
            return ApiError("An unknown error occurred")
        case Fault.BAD_KEY:
            return Unauthenticated("Invalid API Key provided: sk_test_****abcd")
        case Fault.FORBIDDEN:
            return InvalidRequest(
                "The provided key does not have the required permissions for this endpoint.",
                status=403,
            )
        case Fault.REFUSAL:
            return InvalidRequest("Your account cannot currently make charges in this currency.")
        case _:
            return None
