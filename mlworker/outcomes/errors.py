"""Refusals of contracts about models."""

from anneal.kernel.errors import InvalidRequest


class OutcomeSubjectUnfit(InvalidRequest):
    """Nothing that such a contract can be about."""

    code = "outcome_subject_unfit"
    message = (
        "A success fee needs a text classification dataset version with at least 20 test rows: add"
        " rows, or choose another version."
    )
