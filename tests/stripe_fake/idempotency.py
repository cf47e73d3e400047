"""Idempotency keys: the first answer is kept and given again for a day."""

from dataclasses import dataclass
from typing import Any

from tests.stripe_fake.clock import Clock
from tests.stripe_fake.errors import IdempotencyConflict, InvalidParameter

KEPT = 24 * 3600
LONGEST = 255


@dataclass(frozen=True)
class Answer:
    """A status and a body, as they were first given."""

    status: int
    body: dict[str, Any]
    request_id: str


@dataclass
class _Known:
    path: str
    params: dict[str, Any]
    created: int
    answer: Answer | None = None
    """None while the first request is still under way."""


class Keys:
    """The keys of an account, and what was answered under each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def begin(self, key: str, path: str, params: dict[str, Any]) -> Answer | None:
        """The kept answer, or None where this request is the first; a misuse is refused."""
        if len(key) > LONGEST:
            raise InvalidParameter(f"Idempotency keys have at most {LONGEST} characters.")
        known = self._known.get(key)
        if known is None or self._clock.seconds - known.created >= KEPT:
            self._known[key] = _Known(path, params, self._clock.seconds)
            return None
        if known.path != path:
            raise IdempotencyConflict(
                "Keys for idempotent requests can only be used for the same endpoint they were "
                f"first used for ('{known.path}'). Try using a key other than '{key}' if you "
                "meant to execute a different request."
            )
        if known.params != params:
            raise IdempotencyConflict(
                "Keys for idempotent requests can only be used with the same parameters they "
                f"were first used with. Try using a key other than '{key}' if you meant to "
                "execute a different request."
            )
        if known.answer is None:
            raise IdempotencyConflict(
                "There is currently another in-progress request using this idempotency key "
                f"('{key}'). Please try again later.",
                status=409,
                code="idempotency_key_in_use",
            )
        return known.answer

    def keep(self, key: str, answer: Answer) -> None:
        """Keep the first answer."""
        self._known[key].answer = answer

    def forget(self, key: str) -> None:
        """The request came to nothing, so the key is free again."""
        self._known.pop(key, None)
