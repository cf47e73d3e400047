"""Refusals of feedback."""

from anneal.kernel.errors import Conflict, InvalidRequest


class FeedbackEmpty(InvalidRequest):
    """Nothing was said."""

    code = "feedback_empty"
    message = "Give a label, a rating or a comment."


class FeedbackTooLate(Conflict):
    """The prediction is too old."""

    code = "feedback_too_late"
    message = "Feedback is taken for 90 days after the prediction."
