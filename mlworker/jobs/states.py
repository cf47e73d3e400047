"""The state machine of a job. Pure: no database, so that it can be read and tested alone."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class JobState(StrEnum):
    """OpenAI's states, and ``paused``."""

    VALIDATING = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
OPEN: Final = frozenset(JobState) - TERMINAL

_S = JobState
TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = MappingProxyType(
    {
        _S.VALIDATING: frozenset({_S.QUEUED, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
        _S.QUEUED: frozenset({_S.RUNNING, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
        _S.RUNNING: frozenset({_S.QUEUED, _S.PAUSED, _S.SUCCEEDED, _S.FAILED, _S.CANCELLED}),
        _S.PAUSED: frozenset({_S.QUEUED, _S.VALIDATING, _S.FAILED, _S.CANCELLED}),
        _S.SUCCEEDED: frozenset(),
        _S.FAILED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)


class Phase(StrEnum):
    """What a job does inside its state. The middle ones are the trainer's own."""

    WAITING_FOR_DATA = "waiting_for_data"
    READING_FILES = "reading_files"
    WAITING_FOR_WORKER = "waiting_for_worker"
    STARTING = "starting"
    LOADING = "loading"
    TOKENIZING = "tokenizing"
    ENCODING = "encoding"
    SEARCHING = "searching"
    CROSS_VALIDATING = "cross_validating"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"
    STOPPING = "stopping"
    DONE = "done"


class Control(StrEnum):
    """What a person asked of a job that cannot obey at once."""

    NONE = ""
    PAUSE = "pause"


class EventKind(StrEnum):
    """The kinds of a job's events; the stream calls them by these names."""

    STATUS = "status"
    LOG = "log"
    METRIC = "metric"


class StoredKind(StrEnum):
    """What a job's stored object is."""

    CHECKPOINT = "checkpoint"
    MODEL = "model"
    FOLDS = "folds"
    """Out-of-fold predictions: they stay with the job, also with a cancelled one."""


class StoredState(StrEnum):
    """A row exists before its bytes (``writing``) and after them (``deleting``), never without."""

    WRITING = "writing"
    READY = "ready"
    DELETING = "deleting"


def may_become(old: JobState, new: JobState) -> bool:
    """Say whether the state machine knows this step."""
    return new in TRANSITIONS[old]
