"""What looking through a log may take of Postgres: a log is as long as its deployment is busy."""

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from django.db import OperationalError, connection
from psycopg.errors import QueryCanceled

from mlworker.predictions.errors import LogSearchTooLong

SEARCH_SECONDS: Final = 10.0


@contextlib.contextmanager
def search_bounded() -> Iterator[float]:
    """Give each statement within SEARCH_SECONDS; LogSearchTooLong when one needs more.

    Yields the moment of `time.monotonic` at which all of them together have had as much: who asks
    for one page after the other has to look at it.
    """
    with connection.cursor() as cursor:
        milliseconds = max(1, round(SEARCH_SECONDS * 1_000))
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
    try:
        yield time.monotonic() + SEARCH_SECONDS
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise LogSearchTooLong from error
        raise
    # Only reached without an exception; a rollback restores the setting by itself.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
