"""Refusals of contracts about models."""

from anneal.kernel.errors import InvalidRequest


class OutcomeSubjectUnfit(InvalidRequest):
    """Nothing that such a contract can be about."""

    code = "outcome_subject_unfit"
    message = (
        "A success fee needs a text classification dataset version with at least 20 test rows: add"
        " rows, or choose another version."
    )


class OutcomeRowsRepeated(InvalidRequest):
    """Sealed rows that every job on the version would learn from."""

    code = "outcome_rows_repeated"
    message = (
        "Test rows stand among the training or validation rows as well, in other case, spacing or"
        " label: keep one row of each text and upload the file again."
    )
