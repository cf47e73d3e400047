"""A training worker's step: claim the next job and run it."""

import logging
import os
import socket
from typing import Final

from mlworker.engine.contracts import EngineError
from mlworker.jobs.claiming import job_claim
from mlworker.jobs.contracts import Claim, Fault
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.stopping import drain_wait, draining
from mlworker.jobs.supervisor.lease import Lease
from mlworker.jobs.supervisor.persistence import connection_release, persist
from mlworker.jobs.supervisor.session import Session
from mlworker.jobs.supervisor.workspace import Workspace
from mlworker.jobs.working import work_failed, work_give_back, work_load

logger = logging.getLogger(__name__)

_FIRST_REST: Final = 30.0
_LONGEST_REST: Final = 600.0


class Rests:
    """How long a worker takes no job after its machine failed one, doubled while that goes on.

    A full disk would fail every job that waits, three attempts each, within seconds.
    """

    def __init__(self, first: float = _FIRST_REST) -> None:
        self._first = self._next = first

    def take(self) -> None:
        """Rest, unless the worker is to stop."""
        drain_wait(self._next)
        self._next = min(2 * self._next, _LONGEST_REST)

    def forget(self) -> None:
        """A job went as far as its own matters let it: the machine is well."""
        self._next = self._first


_rests: Final = Rests()


def work_next() -> bool:
    """Claim the next job and run it to where it ends; False when none waits or the worker stops."""
    if draining():
        return False
    try:
        claim = job_claim(worker=f"{socket.gethostname()}:{os.getpid()}")
    finally:
        connection_release()
    if claim is None:
        return False
    if claim_run(claim):
        _rests.forget()
    else:
        _rests.take()
    return True


def claim_run(claim: Claim) -> bool:
    """Run one claimed job to where it ends, for this worker; False where the machine failed it.

    Never raises for a job's sake.
    """
    logger.info("job.claimed", extra={"job": claim.public_id, "attempt": claim.attempt})
    try:
        with Lease(claim) as lease, Workspace(claim) as place:
            work = persist(lambda: work_load(claim))
            Session(work, place.folder, lease).run()
    except LeaseLost:
        logger.info("job.lease_lost", extra={"job": claim.public_id, "fence": claim.fence})
    except EngineError as error:
        _hand_over(claim, Fault(error.code, error.message))
    except Exception as error:
        # A fault on our side of the pipe: the job must not stay running without a worker.
        logger.exception("job.supervisor_failed", extra={"job": claim.public_id})
        _hand_over(claim, Fault("worker_error", "The worker met an unexpected error."))
        # Rows or weights that are gone are the job's own matter.
        return not isinstance(error, OSError) or isinstance(error, FileNotFoundError)
    finally:
        connection_release()
    return True


def _hand_over(claim: Claim, fault: Fault) -> None:
    try:
        if draining():
            persist(lambda: work_give_back(claim, drained=True))
        else:
            persist(lambda: work_failed(claim, fault))
    except LeaseLost:
        logger.info("job.lease_lost", extra={"job": claim.public_id, "fence": claim.fence})
