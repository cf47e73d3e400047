"""A claim's private folder: made empty, readable by this user alone, gone when the attempt ends."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
from django.conf import settings

from anneal.kernel.scopes import tenant_scope
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import BaseReference, InitialReference, TrainSpec
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import META
from mlworker.engine.training.config import BY_DEVICE
from mlworker.jobs.contracts import Claim
from mlworker.jobs.limits import CHECKPOINT_SECONDS, TEST_HOOKS, TRAIN_BACKGROUND
from mlworker.jobs.supervisor.persistence import persist
from mlworker.jobs.working import Work
from tenants.datasets.contracts import DatasetVersionInfo, Split
from tenants.datasets.metadata import meta_json
from tenants.datasets.selectors import dataset_version_read

_LOCK: Final = ".lock"
_COLUMNS: Final = ("row_id", "text", "label")
INITIAL: Final = "initial"
"""Folder with the weights that a run begins with."""


class Workspace:
    """The folder of one claim. Folders of supervisors that were killed are swept on the way in."""

    def __init__(self, claim: Claim) -> None:
        self._root = Path(settings.ANNEAL_HOME) / "work" / "training"
        self.folder = self._root / f"{claim.public_id}-{claim.fence}"
        self._lock = -1

    def __enter__(self) -> Self:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(self._root)
        self.folder.mkdir(mode=0o700)
        self._lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def sweep(root: Path) -> None:
    """Remove folders nobody holds: the lock of a process that is gone is free."""
    for folder in root.iterdir():
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue  # being made this moment, or already gone
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def rows_write(work: Work, folder: Path) -> None:
    """Write the splits as the trainer reads them, one JSON object a line.

    Further columns come with the test rows alone, which they are only reported by.
    """
    extra = work.validation_version
    for split in Split:
        parts = [(work.version, split)]
        if extra is not None and split is Split.VALIDATION:
            parts = [(extra, part) for part in Split]
        if work.sealed is not None and split is Split.TEST:
            parts = [(work.sealed, split)]
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as lines:
            for version, part in parts:
                table = _read(work, version, part, meta=split is Split.TEST)
                lines.writelines(json.dumps(row, ensure_ascii=True) + "\n" for row in _rows(table))


def spec_write(work: Work, folder: Path, *, resume: str | None, threads: int, polite: bool) -> None:
    """Write the trainer's specification."""
    base = locate_base(work.base)
    TrainSpec(
        task=work.task,
        tier=work.tier,
        labels=task_named(work.task).head_labels(work.version.labels),
        base=BaseReference(base.id, str(base.directory), base.weights_sha256),
        config={
            # what nobody asked for is chosen where the trainer runs: it sees the device
            name: value
            for name, value in work.config.items()
            if name in work.fixed or name not in BY_DEVICE
        },
        folds=work.study.folds,
        trials=work.study.trials,
        runs=work.study.full_runs,
        fixed=work.fixed,
        resume=resume,
        checkpoint_seconds=CHECKPOINT_SECONDS,
        threads=threads,
        polite=polite,
        background=TRAIN_BACKGROUND,
        initial=(
            InitialReference(INITIAL, work.parent.labels)
            if work.parent is not None and resume is None
            else None
        ),
        token_limit=work.token_limit,
        patient_baselines=work.sealed is not None,
        test_hooks=TEST_HOOKS,
    ).write(folder)


def _read(work: Work, version: DatasetVersionInfo, split: Split, *, meta: bool) -> pa.Table:
    def unit() -> pa.Table:
        with tenant_scope(work.claim.organization):
            return dataset_version_read(
                organization=work.claim.organization,
                version_id=version.id,
                split=split,
                meta=meta,
            )

    return persist(unit)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    names = [name for name in (*_COLUMNS, META) if name in table.column_names]
    for batch in table.select(names).to_batches(max_chunksize=1024):
        for row in batch.to_pylist():
            if META in row:
                row[META] = meta_json(row[META])
            yield row
