"""What other rooms may know about feedback."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from billing.outcomes.contracts import PREDICTION_METER

FEEDBACK_PREFIX: Final = "fb_"
METERS: Final = frozenset({"prediction", PREDICTION_METER})
"""The meters of what can be judged."""
FEEDBACK_WINDOW: Final = timedelta(days=90)
"""How long after a prediction it can be judged."""


ANSWER_FIELDS: Final[Mapping[str, str]] = {
    "text_classification": "label",
    "multi_label_classification": "labels",
    "token_classification": "entities",
    "regression": "value",
}
"""In which field of a judgement the right answer of a task stands."""


@dataclass(frozen=True, slots=True)
class FeedbackInfo:
    """One judgement of one prediction."""

    id: UUID
    prediction_id: UUID
    model: str
    label: str | None
    answer: Mapping[str, Any] | None
    """What would have been right where it is no single label: one of ANSWER_FIELDS."""
    rating: int | None
    comment: str
    created_at: datetime
    updated_at: datetime
