"""What other rooms may know about feedback."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

FEEDBACK_PREFIX: Final = "fb_"
METER: Final = "prediction"
"""The meter of what can be judged."""
FEEDBACK_WINDOW: Final = timedelta(days=90)
"""How long after a prediction it can be judged."""


@dataclass(frozen=True, slots=True)
class FeedbackInfo:
    """One judgement of one prediction."""

    id: UUID
    prediction_id: UUID
    model: str
    label: str | None
    rating: int | None
    comment: str
    created_at: datetime
    updated_at: datetime
