"""A training worker's step: claim the next job and run it."""

import logging
import os
import socket

from mlworker.engine.contracts import EngineError
from mlworker.jobs.claiming import job_claim
from mlworker.jobs.contracts import Claim, Fault
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.stopping import draining
from mlworker.jobs.supervisor.lease import Lease
from mlworker.jobs.supervisor.persistence import connection_release, persist
from mlworker.jobs.supervisor.session import Session
from mlworker.jobs.supervisor.workspace import Workspace
from mlworker.jobs.working import work_failed, work_give_back, work_load

logger = logging.getLogger(__name__)


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
    claim_run(claim)
    return True


def claim_run(claim: Claim) -> None:
    """Run one claimed job to where it ends, for this worker. Never raises for a job's sake."""
    logger.info("job.claimed", extra={"job": claim.public_id, "attempt": claim.attempt})
    try:
        with Lease(claim) as lease, Workspace(claim) as place:
            work = persist(lambda: work_load(claim))
            Session(work, place.folder, lease).run()
    except LeaseLost:
        logger.info("job.lease_lost", extra={"job": claim.public_id, "fence": claim.fence})
    except EngineError as error:
        _hand_over(claim, Fault(error.code, error.message))
    except Exception:
        # A fault on our side of the pipe: the job must not stay running without a worker.
        logger.exception("job.supervisor_failed", extra={"job": claim.public_id})
        _hand_over(claim, Fault("worker_error", "The worker met an unexpected error."))
    finally:
        connection_release()


def _hand_over(claim: Claim, fault: Fault) -> None:
    try:
        if draining():
            persist(lambda: work_give_back(claim, drained=True))
        else:
            persist(lambda: work_failed(claim, fault))
    except LeaseLost:
        logger.info("job.lease_lost", extra={"job": claim.public_id, "fence": claim.fence})
