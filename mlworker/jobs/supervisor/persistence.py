"""Writing through a database or a storage that is away for a while: training goes on, the report
waits.
"""

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

from anneal.kernel.errors import StorageUnavailable

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

DATABASE_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout)
_AWAY: Final = (*DATABASE_AWAY, StorageUnavailable)
_GIVE_UP_SECONDS: Final = 900.0
_LONGEST_PAUSE: Final = 5.0


def persist(unit: Callable[[], Result]) -> Result:
    """Run a unit of work that opens its own scope, or stores or fetches an object, again and again
    until database and storage answer.

    A commit whose answer was lost is tried again and then meets its own effect: the unit's fence
    turns that into LeaseLost, never into a second effect.
    """
    started, pause = time.monotonic(), 0.2
    while True:
        try:
            return unit()
        except _AWAY as error:
            if time.monotonic() - started > _GIVE_UP_SECONDS:
                raise
            logger.warning("job.persist_again", extra={"reason": str(error)})
        finally:
            # Given back between units; a broken one is thrown away by the pool's check.
            connection_release()
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def connection_release() -> None:
    """Give this thread's connection back to the pool; inside a test's transaction it stays."""
    if not connection.in_atomic_block:
        connection.close()
