"""The state machine of a batch, in OpenAI's words. Pure: it can be read and tested alone."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class BatchState(StrEnum):
    """OpenAI's states."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class Form(StrEnum):
    """What the input file holds."""

    REQUESTS = "requests"
    """JSONL of OpenAI's request lines."""
    ROWS = "rows"
    """A table; its rows come back with the answers in columns of their own."""


TERMINAL: Final = frozenset(
    {BatchState.FAILED, BatchState.COMPLETED, BatchState.EXPIRED, BatchState.CANCELLED}
)
OPEN: Final = frozenset(BatchState) - TERMINAL

_S = BatchState
TRANSITIONS: Final[Mapping[BatchState, frozenset[BatchState]]] = MappingProxyType(
    {
        _S.VALIDATING: frozenset({_S.IN_PROGRESS, _S.FAILED, _S.CANCELLING, _S.EXPIRED}),
        _S.IN_PROGRESS: frozenset({_S.FINALIZING, _S.CANCELLING, _S.FAILED, _S.EXPIRED}),
        _S.FINALIZING: frozenset({_S.COMPLETED, _S.FAILED, _S.EXPIRED}),
        _S.CANCELLING: frozenset({_S.CANCELLED, _S.FAILED, _S.EXPIRED}),
        _S.FAILED: frozenset(),
        _S.COMPLETED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)


def may_become(old: BatchState, new: BatchState) -> bool:
    """Say whether the state machine knows this step."""
    return new in TRANSITIONS[old]
