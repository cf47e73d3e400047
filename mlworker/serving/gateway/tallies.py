"""Figures of compared deployments, gathered in this process and written every few seconds."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import connection
from django.db.utils import DatabaseError, DataError, IntegrityError

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.serving.tallying import Tally, TallyKey, tallies_add

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 5.0
TALLIES_KEPT: Final = 10_000
"""Without a database no more than these are kept for its return."""

Tallied = dict[OrganizationRef, dict[TallyKey, Tally]]


class Tallies:
    """What this process has counted and not written yet."""

    def __init__(self) -> None:
        self._tallies: Tallied = {}
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tally")

    def of(self, organization: OrganizationRef, key: TallyKey) -> Tally:
        """Return where to count."""
        return self._tallies.setdefault(organization, {}).setdefault(key, Tally())

    async def flush_forever(self) -> None:
        """Write what was counted, for ever."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted; what cannot be written waits for the next time."""
        counted, self._tallies = self._tallies, {}
        if not counted:
            return
        loop = asyncio.get_running_loop()
        failed = await loop.run_in_executor(self._threads, _write, counted)
        for organization, tallies in failed.items():
            if sum(map(len, self._tallies.values())) + len(tallies) > TALLIES_KEPT:
                return
            for key, tally in tallies.items():
                self.of(organization, key).add(tally)

    async def close(self) -> None:
        """Write the last figures."""
        try:
            await self.flush()
        finally:
            self._threads.shutdown(wait=False)


def _write(counted: Tallied) -> Tallied:
    """Write each organization's in a transaction; return what could not be written."""
    failed: Tallied = {}
    try:
        for organization, tallies in counted.items():
            try:
                with tenant_scope(organization):
                    tallies_add(organization=organization, tallies=tallies)
            except (IntegrityError, DataError):  # it would fail the next time too
                logger.exception("gateway.tallies_lost")
            except DatabaseError as error:
                logger.warning("gateway.tallies_not_written: %s", error)
                failed[organization] = tallies
    finally:
        connection.close()  # gives it back to the pool
    return failed
