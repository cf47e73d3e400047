"""What other rooms may know about the prediction log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from mlworker.serving.contracts import LogInfo

DAYS: Final = (1, 365)
"""Bounds of the retention."""
TEXT_LENGTH: Final = 10_000
"""Characters of a text that are kept; no model reads so many."""
MOST_WORDS: Final = 50
WORD_LENGTH: Final = 100
DAYS_SHOWN: Final = 30
COUNTED: Final = 100_000
"""Rows are counted up to here."""


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """One answered text that was kept."""

    id: UUID
    deployment_id: UUID
    model: str
    text: str | None
    """None where texts are not kept."""
    text_cut: bool
    hidden: int
    """How many places of the text were hidden."""
    answer: Mapping[str, Any]
    labels: tuple[str, ...]
    score: float | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LogDayInfo:
    """What a day's calls left: of the texts answered, those kept and those dropped under load."""

    day: date
    answered: int
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True)
class LogState:
    """A deployment's log: what is asked for, and what there is."""

    log: LogInfo
    rows: int
    """Up to COUNTED."""
    days: tuple[LogDayInfo, ...]
