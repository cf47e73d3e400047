"""One attempt at a job: start the trainer, turn what it says into rows, obey people and signals."""

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from anneal.kernel.errors import StorageUnavailable
from mlworker.engine.contracts import (
    CheckpointMessage,
    DoneMessage,
    ErrorCode,
    ErrorMessage,
    LogMessage,
    Message,
    MetricMessage,
    PhaseMessage,
    PlanMessage,
    StopCommand,
    StoppedMessage,
    StudyMessage,
    ThreadsCommand,
    ThreadsRequest,
)
from mlworker.engine.study.files import PREDICTIONS
from mlworker.jobs.contracts import Fault
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.folding import folds_ready
from mlworker.jobs.limits import DRAIN_SECONDS, PAUSE_SECONDS, SILENCE_SECONDS
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.states import Control, EventKind, Phase, StoredKind
from mlworker.jobs.stopping import draining
from mlworker.jobs.supervisor.budget import thread_budget
from mlworker.jobs.supervisor.bundles import bundle_store
from mlworker.jobs.supervisor.cancelled import keep_cancelled
from mlworker.jobs.supervisor.child import Trainer
from mlworker.jobs.supervisor.finish import file_store, outcome_store
from mlworker.jobs.supervisor.lease import Lease
from mlworker.jobs.supervisor.persistence import DATABASE_AWAY, connection_release, persist
from mlworker.jobs.supervisor.progress import Progress
from mlworker.jobs.supervisor.restore import (
    checkpoint_restore,
    parent_fetch,
    restored_folder,
)
from mlworker.jobs.supervisor.workspace import rows_write, spec_write
from mlworker.jobs.working import (
    News,
    Work,
    checkpoint_ready,
    news_write,
    stored_begin,
    stored_discard,
    work_failed,
    work_give_back,
    work_succeeded,
)

logger = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 0.2
_REPORT_SECONDS: Final = 1.0
"""How often the database hears of progress, and so how soon a cancel or pause is noticed."""
_EXIT_SECONDS: Final = 10.0


class Session:
    """The state of one attempt. ``run`` returns when the job is no longer this worker's."""

    def __init__(self, work: Work, folder: Path, lease: Lease) -> None:
        self._work, self._folder, self._lease = work, folder, lease
        self._claim = work.claim
        self._progress = Progress(work)
        self._news = News()
        self._restored: StoredFiles | None = None
        self._budget = ThreadsCommand(n=1, polite=True)
        self._done: DoneMessage | None = None
        self._error: ErrorMessage | None = None
        self._stopped = False
        self._stop_deadline: float | None = None
        self._reported = 0.0
        self._began = self._heard = time.monotonic()

    def run(self) -> None:
        """Prepare, train, and write down how it ended. LeaseLost leaves at once."""
        self._prepare()
        if draining():
            persist(lambda: work_give_back(self._claim, drained=True))
            return
        trainer = Trainer(self._folder)
        try:
            logger.info("trainer.started", extra={"pid": trainer.pid, "job": self._claim.public_id})
            self._watch(trainer)
            self._conclude(trainer)
        except LeaseLost:
            keep_cancelled(self._claim, self._folder, trainer, self._progress)
            raise
        finally:
            trainer.close()

    def _prepare(self) -> None:
        rows_write(self._work, self._folder)
        self._lease.check()
        self._restored = checkpoint_restore(self._claim, self._folder)
        resume = None
        if self._restored is not None:
            resume = str(restored_folder(self._folder, self._restored))
            self._news.add(
                EventKind.LOG, f"Continuing from the checkpoint at step {self._restored.step}."
            )
        elif self._work.parent is not None:
            parent_fetch(self._work.parent, self._folder)
            self._news.add(EventKind.LOG, f"Beginning with {self._work.parent.reference}.")
        self._budget = thread_budget()
        spec_write(
            self._work,
            self._folder,
            resume=resume,
            threads=self._budget.n,
            polite=self._budget.polite,
        )

    def _watch(self, trainer: Trainer) -> None:
        while not trainer.ended:
            message = trainer.next_message(_LOOK_SECONDS)
            if message is not None:
                self._heard = time.monotonic()
                self._take(message, trainer)
            if time.monotonic() - self._reported >= _REPORT_SECONDS:
                self._report(trainer)

    def _take(self, message: Message, trainer: Trainer) -> None:
        match message:
            case PhaseMessage():
                self._news.phase = Phase(message.phase)
                self._reported = 0.0
            case CheckpointMessage():
                self._store_checkpoint(message)
            case ThreadsRequest():
                trainer.send(self._budget)
            case StoppedMessage():
                self._stopped = True
            case DoneMessage():
                self._done = message
            case ErrorMessage():
                self._error = message
            case _:
                self._note(message)

    def _note(self, message: Message) -> None:
        """Turn what is only to be told into news."""
        match message:
            case PlanMessage():
                self._progress.plan(message, self._news)
            case MetricMessage():
                self._progress.metric(message, self._news)
            case StudyMessage():
                self._news.study = dict(message.found)
                if message.files is not None:
                    self._store_folds(message.files)
            case LogMessage():
                level = "warn" if message.level == "warning" else "info"
                self._news.add(EventKind.LOG, message.message, code=message.code, level=level)

    def _report(self, trainer: Trainer) -> None:
        """Once a second: tell the database, hear what people want, look at signals and budget."""
        self._reported = time.monotonic()
        self._lease.check()
        trainer.look()
        self._progress.memory = trainer.memory.resident
        control = self._write_news()
        if self._stop_deadline is None and (draining() or control == Control.PAUSE):
            patience = DRAIN_SECONDS if draining() else PAUSE_SECONDS
            self._stop_deadline = self._reported + patience
            self._news.phase = Phase.STOPPING
            trainer.send(StopCommand(mode="checkpoint"))
        if self._stop_deadline is not None and self._reported > self._stop_deadline:
            logger.warning("trainer.stop_overdue", extra={"job": self._claim.public_id})
            self._stopped = True
            trainer.kill()
        elif self._reported - self._heard > SILENCE_SECONDS:
            self._error = ErrorMessage(ErrorCode.CRASHED, "The trainer has hung and was ended.")
            trainer.kill()
        budget = thread_budget()
        if budget != self._budget:
            self._budget = budget
            trainer.send(budget)

    def _write_news(self) -> Control:
        news, self._news = self._news, News()
        try:
            return news_write(self._claim, news)
        except DATABASE_AWAY as error:
            # Training goes on without the database; what happened is told when it is back.
            logger.warning("job.database_away", extra={"reason": str(error)})
            news.merge(self._news)
            self._news = news
            return Control.NONE
        finally:
            connection_release()

    def _store_checkpoint(self, message: CheckpointMessage) -> None:
        self._flush()
        stored_id, key = persist(
            lambda: stored_begin(
                self._claim, StoredKind.CHECKPOINT, step=message.step, epoch=message.epoch
            )
        )
        try:
            stored = bundle_store(self._folder / message.path, key)
        except (StorageUnavailable, FileNotFoundError) as error:
            # The storage is away, or the trainer has replaced this one while the database was: the
            # next one keeps more.
            logger.warning("checkpoint.not_stored", extra={"key": key, "reason": str(error)})
            persist(lambda: stored_discard(self._claim, stored_id))
            return
        persist(
            lambda: checkpoint_ready(
                self._claim,
                stored_id,
                stored,
                manifest_sha256=message.manifest_sha256,
                metrics=self._progress.checkpoint_metrics(message),
            )
        )

    def _store_folds(self, files: str) -> None:
        """Keep the out-of-fold predictions at once: a cancel later takes nothing away."""
        self._flush()
        stored_id, key = persist(
            lambda: stored_begin(self._claim, StoredKind.FOLDS, ending="parquet")
        )
        stored = file_store(self._folder / files / PREDICTIONS, key)
        persist(lambda: folds_ready(self._claim, stored_id, stored))

    def _flush(self) -> None:
        news, self._news = self._news, News()
        persist(lambda: news_write(self._claim, news))

    def _conclude(self, trainer: Trainer) -> None:
        self._lease.check()
        self._flush()
        if self._done is not None:
            trainer.wait(_EXIT_SECONDS)
            outcome = outcome_store(self._work, self._folder, self._done, self._progress)
            if self._restored is None:
                whole = time.monotonic() - self._began
                outcome = replace(outcome, overhead_seconds=max(0.0, whole - self._done.seconds))
            version = persist(lambda: work_succeeded(self._work, outcome))
            logger.info("job.succeeded", extra={"model": version.name})
        elif self._stopped:
            drained = draining()
            persist(lambda: work_give_back(self._claim, drained=drained))
        elif self._error is not None:
            if self._error.code == ErrorCode.CRASHED:
                trainer.complain()
            self._fail(Fault(self._error.code, self._error.message))
        else:
            self._fail(trainer.fault())

    def _fail(self, fault: Fault) -> None:
        restored = self._restored
        if fault.code == ErrorCode.CHECKPOINT_CORRUPT and restored is not None:
            persist(lambda: stored_discard(self._claim, restored.id))
        persist(lambda: work_failed(self._claim, fault))
