"""Refusals of feedback."""

from anneal.kernel.errors import Conflict, InvalidRequest


class FeedbackEmpty(InvalidRequest):
    """Nothing was said."""

    code = "feedback_empty"
    message = "Give a right answer (label, labels, entities or value), a rating or a comment."


class FeedbackUnfit(InvalidRequest):
    """The right answer has not the form of the prediction's task."""

    code = "feedback_unfit"
    message = "The right answer stands in one field, the one of the prediction's task."


class FeedbackTooLate(Conflict):
    """The prediction is too old."""

    code = "feedback_too_late"
    message = "Feedback is taken for 90 days after the prediction."


class NothingToLearn(Conflict):
    """No kept text can be made a row of a dataset."""

    code = "nothing_to_learn"
    message = (
        "No kept text is fit: give feedback with right answers, or send `judged: false` to take the"
        " model's own answers. Texts must be kept, and whole."
    )
