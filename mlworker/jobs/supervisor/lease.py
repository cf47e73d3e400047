"""Keeping the job: a thread that renews the lease while the supervisor is alive and moving."""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from mlworker.jobs.contracts import Claim
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.limits import LEASE_SECONDS, SILENCE_SECONDS
from mlworker.jobs.supervisor.persistence import DATABASE_AWAY, connection_release
from mlworker.jobs.working import lease_renew

logger = logging.getLogger(__name__)


class Lease:
    """Renews after a third of the lease, in a thread of its own: storing a large checkpoint takes
    longer than that. Stops renewing when the supervisor has not moved for a long time.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._moved = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def check(self) -> None:
        """Raise LeaseLost once the job is another's; otherwise note that the supervisor moves."""
        if self._lost.is_set():
            raise LeaseLost(self._claim.public_id)
        self._moved = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stop.wait(LEASE_SECONDS / 3):
            if time.monotonic() - self._moved > 2 * SILENCE_SECONDS:
                logger.error("lease.supervisor_stuck", extra={"job": self._claim.public_id})
                return
            try:
                lease_renew(self._claim)
            except LeaseLost:
                self._lost.set()
                return
            except DATABASE_AWAY as error:
                logger.warning("lease.database_away", extra={"reason": str(error)})
            finally:
                connection_release()
