"""Reading feedback."""

from mlworker.feedback.contracts import FeedbackInfo
from mlworker.feedback.models import Feedback


def feedback_info(row: Feedback) -> FeedbackInfo:
    """Return a row as other apps see it."""
    return FeedbackInfo(
        id=row.id,
        prediction_id=row.prediction_id,
        model=row.model,
        label=row.label,
        answer=row.answer,
        rating=row.rating,
        comment=row.comment,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
