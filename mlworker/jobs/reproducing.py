"""Training again from a manifest alone, outside of any job: nothing is charged or registered.

The rows are found by their hash, whatever they are called by now and in whichever organization
they lie; the split by its seed, and checked by its hash; the configuration is the resolved one.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from mlworker.engine.artifact_manifest import pack
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import (
    BaseReference,
    DoneMessage,
    EngineError,
    ErrorCode,
    ErrorMessage,
    ThreadsCommand,
    ThreadsRequest,
    TrainSpec,
)
from mlworker.engine.precision import BF16
from mlworker.jobs.limits import TRAIN_THREADS
from mlworker.jobs.supervisor.child import Trainer
from mlworker.jobs.supervisor.finish import split_hash
from tenants.datasets.contracts import Split
from tenants.datasets.selectors import dataset_version_read, versions_by_hash

TOLERANCE: Final = 0.005
"""By how much a metric may differ: other processors and thread counts round in another order."""
_POLL_SECONDS: Final = 1.0

Found = tuple[UUID, OrganizationRef]


class CannotReproduce(Exception):
    """Something the manifest names is not here; the message says what."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of the manifest and what came of it."""

    metric: str
    expected: float
    found: float

    @property
    def difference(self) -> float:
        """How far apart they are."""
        return abs(self.expected - self.found)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What training again gave."""

    metrics: Sequence[Compared]
    same_weights: bool
    """Whether the artifact is the same, byte for byte."""

    def agrees(self, tolerance: float) -> bool:
        """Say whether every metric is as near as that."""
        return all(pair.difference <= tolerance for pair in self.metrics)


def reproduce(
    *, manifest: Mapping[str, Any], organizations: Mapping[UUID, OrganizationRef], folder: Path
) -> Reproduction:
    """Train again in ``folder``. CannotReproduce, or EngineError as a job would end with it.

    Opens its own scopes. ``organizations`` are those whose rows may be read.
    """
    try:
        lineage = manifest["lineage"]
        facts = {key: manifest[key] for key in ("task", "tier", "base", "labels", "metrics")}
        data, config = lineage["dataset_hash"], lineage["config"]
        seed, extra = lineage.get("split_seed"), lineage.get("validation_hash")
        sealed = lineage.get("sealed_hash")
    except (KeyError, TypeError, AttributeError) as error:
        raise CannotReproduce(f"The manifest does not say {error}.") from error
    if not data:
        raise CannotReproduce("The model was imported: how it was trained is not known.")
    if lineage.get("parent"):
        raise CannotReproduce(
            f"Training went on from '{lineage['parent']}': only a model that began at its base can "
            "be made from its manifest alone."
        )
    _base_check(facts["base"], lineage)
    versions = _find(data, seed, organizations)
    extras, seals = (
        _find(each, None, organizations) if each else [None] for each in (extra, sealed)
    )
    _rows_like(lineage.get("split_hash") or "", versions, extras, seals, folder)
    base = locate_base(facts["base"])
    TrainSpec(
        task=facts["task"],
        tier=facts["tier"],
        labels=tuple(facts["labels"]),
        base=BaseReference(base.id, str(base.directory), base.weights_sha256),
        config=config,
        threads=TRAIN_THREADS,
        token_limit=lineage.get("token_limit"),
        folds=lineage.get("folds") or 0,
    ).write(folder)
    done = _train(folder)
    packed = hashlib.sha256(pack(folder / done.artifact)).hexdigest()
    return Reproduction(
        metrics=list(_compare("", _measured_here(facts["metrics"], done.metrics), done.metrics)),
        same_weights=packed == manifest.get("artifact_sha256"),
    )


def _base_check(base_id: str, lineage: Mapping[str, Any]) -> None:
    try:
        base = locate_base(base_id)
    except EngineError as error:
        raise CannotReproduce(error.message) from error
    wanted = lineage.get("base_sha256")
    if wanted and wanted != base.weights_sha256:
        raise CannotReproduce(
            f"The base '{base_id}' has other weights here (sha256 {base.weights_sha256}) than it "
            f"had ({wanted})."
        )


def _find(
    content_hash: str, seed: int | None, organizations: Mapping[UUID, OrganizationRef]
) -> list[Found]:
    """Every version with these rows; the newest first."""
    with system_scope("reproduce"):
        found = versions_by_hash(content_hash=content_hash, seed=seed)
    mine = [(version, organizations[owner]) for version, owner in found if owner in organizations]
    if mine:
        return mine
    raise CannotReproduce(
        f"No dataset version has the rows with sha256 {content_hash}"
        + (f", split with the seed {seed}" if seed is not None else "")
        + ": upload the file again."
    )


def _rows_like(
    wanted: str,
    versions: Sequence[Found],
    extras: Sequence[Found | None],
    seals: Sequence[Found | None],
    folder: Path,
) -> None:
    """Write the rows of the versions that are split as `wanted`. CannotReproduce when none are.

    The same rows may lie in several versions, split or numbered otherwise in each; a second
    dataset's seed stands in no manifest at all, so only the hash tells which it was.
    """
    for version, extra, sealed in itertools.product(versions, extras, seals):
        _rows_write(version, extra, sealed, folder)
        if wanted in ("", split_hash(folder)):
            return
    raise CannotReproduce("The rows are here, and are split otherwise than they were.")


def _rows_write(version: Found, extra: Found | None, sealed: Found | None, folder: Path) -> None:
    """Write the splits as a job's supervisor does: a second version validates with all its rows,
    one under a seal tests with its test rows.
    """
    for split in Split:
        parts = [(version, split)]
        if extra is not None and split is Split.VALIDATION:
            parts = [(extra, part) for part in Split]
        if sealed is not None and split is Split.TEST:
            parts = [(sealed, split)]
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as lines:
            for (version_id, organization), part in parts:
                for row in _rows(organization, version_id, part):
                    lines.write(json.dumps(row) + "\n")


def _rows(organization: OrganizationRef, version_id: UUID, part: Split) -> list[dict[str, Any]]:
    with tenant_scope(organization):
        table = dataset_version_read(organization=organization, version_id=version_id, split=part)
    rows: list[dict[str, Any]] = table.select(["row_id", "text", "label"]).to_pylist()
    return rows


def _train(folder: Path) -> DoneMessage:
    trainer = Trainer(folder)
    try:
        while not trainer.ended:
            message = trainer.next_message(_POLL_SECONDS)
            if isinstance(message, ThreadsRequest):
                trainer.send(ThreadsCommand(n=TRAIN_THREADS))
            elif isinstance(message, ErrorMessage):
                if message.code == ErrorCode.CRASHED:
                    trainer.complain()
                raise CannotReproduce(f"Training failed with {message.code}: {message.message}")
            elif isinstance(message, DoneMessage):
                return message
        raise CannotReproduce(trainer.fault().message)
    finally:
        trainer.close()


def _measured_here(expected: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """All that was expected, without a gate that this machine has no number format for."""
    return {name: value for name, value in expected.items() if name != BF16 or name in found}


def _compare(name: str, expected: object, found: object) -> Iterator[Compared]:
    """Walk both in step; a number that is on one side alone differs by infinity."""
    if isinstance(expected, Mapping):
        inner = found if isinstance(found, Mapping) else {}
        for key, value in expected.items():
            yield from _compare(f"{name}.{key}" if name else str(key), value, inner.get(key))
    elif isinstance(expected, int | float) and not isinstance(expected, bool):
        number = isinstance(found, int | float)
        yield Compared(name, float(expected), float(found) if number else math.inf)  # type: ignore[arg-type]  # number says so
