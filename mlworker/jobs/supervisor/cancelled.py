"""Where a job was when a person cancelled it: one more checkpoint, if it comes within seconds.

The job has ended by then and its money is settled, so nothing here changes either; and whoever
lost the job for another reason keeps nothing of it.
"""

import logging
import time
from pathlib import Path
from typing import Final

from anneal.kernel.errors import StorageUnavailable
from mlworker.engine.contracts import (
    CheckpointMessage,
    MetricMessage,
    StopCommand,
    StoppedMessage,
)
from mlworker.jobs.contracts import Claim
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.keeping import cancelled_here, last_checkpoint_ready
from mlworker.jobs.states import JobState, StoredKind
from mlworker.jobs.supervisor.bundles import bundle_store
from mlworker.jobs.supervisor.child import Trainer
from mlworker.jobs.supervisor.persistence import DATABASE_AWAY, connection_release
from mlworker.jobs.supervisor.progress import Progress
from mlworker.jobs.working import News, stored_begin

logger = logging.getLogger(__name__)

SECONDS: Final = 5.0
"""How long the trainer gets: the machine is another job's soon."""
_LOOK_SECONDS: Final = 0.2


def keep_cancelled(claim: Claim, folder: Path, trainer: Trainer, progress: Progress) -> None:
    """Have the trainer write where it is, and store that. Never raises for its sake."""
    try:
        if cancelled_here(claim):
            trainer.send(StopCommand(mode="cancel", keep=True))
            _listen(claim, folder, trainer, progress)
    except (LeaseLost, StorageUnavailable, FileNotFoundError, *DATABASE_AWAY) as error:
        logger.warning(
            "job.last_checkpoint_lost", extra={"job": claim.public_id, "reason": str(error)}
        )
    finally:
        connection_release()


def _listen(claim: Claim, folder: Path, trainer: Trainer, progress: Progress) -> None:
    deadline = time.monotonic() + SECONDS
    while not trainer.ended and time.monotonic() < deadline:
        match trainer.next_message(_LOOK_SECONDS):
            case MetricMessage() as message:
                progress.metric(message, News())
            case CheckpointMessage() as message:
                _store(claim, folder, message, progress)
            case StoppedMessage():
                return


def _store(claim: Claim, folder: Path, message: CheckpointMessage, progress: Progress) -> None:
    stored_id, key = stored_begin(
        claim,
        StoredKind.CHECKPOINT,
        step=message.step,
        epoch=message.epoch,
        state=JobState.CANCELLED,
    )
    last_checkpoint_ready(
        claim,
        stored_id,
        bundle_store(folder / message.path, key),
        manifest_sha256=message.manifest_sha256,
        metrics=progress.checkpoint_metrics(message),
    )
