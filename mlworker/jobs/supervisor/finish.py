"""From a finished training to what the registry keeps: artifact stored, lineage written down."""

import hashlib
import importlib.metadata
import io
import json
import platform
import shutil
import subprocess
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from anneal.kernel.ids import public_id
from anneal.kernel.storage import StoredObject, object_put
from mlworker.engine.artifact_manifest import pack, read_manifest
from mlworker.engine.contracts import DoneMessage
from mlworker.engine.evaluation.names import PREDICTIONS, REPORT
from mlworker.jobs.limits import TRAIN_THREADS
from mlworker.jobs.states import StoredKind
from mlworker.jobs.supervisor.persistence import persist
from mlworker.jobs.supervisor.progress import Progress
from mlworker.jobs.working import Outcome, StoredReport, Work, stored_begin
from mlworker.registry.contracts import Lineage
from tenants.datasets.contracts import VERSION_PREFIX, DatasetVersionInfo, Split

_CPU: Final = "cpu"
_LIBRARIES: Final = ("torch", "tokenizers", "safetensors", "numpy")


def outcome_store(work: Work, folder: Path, done: DoneMessage, progress: Progress) -> Outcome:
    """Store the artifact's bytes and return all that the finishing transaction writes."""
    artifact = folder / done.artifact
    manifest = read_manifest(artifact)
    stored_id, key = persist(lambda: stored_begin(work.claim, StoredKind.MODEL, step=done.steps))
    packed = pack(artifact)
    stored = persist(lambda: object_put(key, io.BytesIO(packed)))
    return Outcome(
        stored_id=stored_id,
        stored=stored,
        evaluation=_report_store(work, folder, done),
        labels=tuple(manifest.labels),
        max_length=manifest.max_length,
        metrics=dict(done.metrics),
        lineage=_lineage(work, done, progress, split_hash(folder), manifest.base_sha256),
        trained_tokens=done.trained_tokens,
        seconds=done.seconds,
        early_stopped=done.early_stopped,
        progress={
            **progress.as_dict(),
            "step": done.steps,
            "total": done.steps_planned,
            "epoch": done.epochs,
            "trained_tokens": done.trained_tokens,
            "rows_per_second": done.rows_per_second,
            "eta_seconds": 0.0,
            "early_stopped": done.early_stopped,
        },
    )


def _report_store(work: Work, folder: Path, done: DoneMessage) -> StoredReport | None:
    """Store report and answers, each as an object of its own: the page reads them apart."""
    if done.evaluation is None:
        return None
    place = folder / done.evaluation
    stored = []
    for name, ending in ((REPORT, "json"), (PREDICTIONS, "parquet")):
        stored_id, key = persist(
            partial(stored_begin, work.claim, StoredKind.MODEL, step=done.steps, ending=ending)
        )
        stored.append((stored_id, file_store(place / name, key)))
    (report_id, report), (predictions_id, predictions) = stored
    told = json.loads((place / REPORT).read_text("utf-8"))
    extra, sealed = work.validation_version, work.sealed
    version: DatasetVersionInfo = work.version
    verdict: dict[str, Any] = {}
    if told["split"] == Split.TEST and sealed is not None:
        version, verdict = sealed, told.get("macro_f1_comparison") or {}
    elif told["split"] == Split.VALIDATION and extra is not None:
        version = extra
    return StoredReport((report_id, predictions_id), report, predictions, version.id, verdict)


def file_store(path: Path, key: str) -> StoredObject:
    """Store a file as soon as the storage answers."""

    def put() -> StoredObject:
        with path.open("rb") as source:
            return object_put(key, source)

    return persist(put)


def split_hash(folder: Path) -> str:
    """Return the hash of which rows trained, validated and tested, in their order."""
    digest = hashlib.sha256()
    for split in Split:
        digest.update(f"{split}\n".encode())
        with (folder / f"{split}.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                digest.update(f"{json.loads(line)['row_id']}\n".encode())
    return digest.hexdigest()


def _lineage(
    work: Work, done: DoneMessage, progress: Progress, split: str, base_sha256: str
) -> Lineage:
    extra, sealed = work.validation_version, work.sealed
    return Lineage(
        dataset_version=public_id(VERSION_PREFIX, work.version.id),
        dataset_hash=work.version.content_hash,
        splits=dict(work.version.splits),
        seed=work.seed,
        config=dict(progress.config),
        code_version=code_version(),
        libraries={name: importlib.metadata.version(name) for name in _LIBRARIES},
        hardware=hardware(progress.device),
        seconds=done.seconds,
        trained_tokens=done.trained_tokens,
        parent=work.parent.name if work.parent else "",
        price={"trained_tokens": done.trained_tokens, "quoted_tokens": work.quoted_tokens},
        split_seed=work.version.seed,
        split_hash=split,
        validation_version=extra.public_id if extra else "",
        validation_hash=extra.content_hash if extra else "",
        sealed_version=sealed.public_id if sealed else "",
        sealed_hash=sealed.content_hash if sealed else "",
        base_sha256=base_sha256,
        token_limit=work.token_limit,
        folds=work.study.folds,
    )


def hardware(device: str) -> str:
    """Return what the training ran on: the accelerator if one did the work, processor, cores."""
    beside = _processor()
    return beside if device in ("", _CPU) else f"{device}; {beside}"


@cache
def _processor() -> str:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{model}, {TRAIN_THREADS} threads"


@cache
def code_version() -> str:
    """Return the version of this code, with the commit where the source folder knows it."""
    try:
        version = importlib.metadata.version("anneal")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    git = shutil.which("git")
    if git is None:
        return version
    commit = subprocess.run(  # fixed arguments
        [git, "rev-parse", "--short=12", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{version}+{commit.stdout.strip()}" if commit.returncode == 0 else version
