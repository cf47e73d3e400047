"""Refusals of the prediction log."""

from anneal.kernel.errors import InvalidRequest


class LogUnfit(InvalidRequest):
    """A word to hide names nothing that can be found."""

    code = "log_unfit"
    message = "A word to hide has letters or digits in it; `*` stands for the rest of a word."


class LogFilterInvalid(InvalidRequest):
    """A filter of the list has another form."""

    code = "log_filter_invalid"
    message = "score_below is a number, from and to are Unix seconds, model and label texts."


class LogSearchTooLong(InvalidRequest):
    """Postgres was stopped looking through a log."""

    code = "log_search_too_long"
    message = (
        "So much of the log cannot be looked through at once: name a shorter time with `from` and"
        " `to`, or filter by less."
    )
