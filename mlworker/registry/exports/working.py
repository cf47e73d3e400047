"""A worker's part: claim the export, make it aside, seal it, store it, say so.

The row's ``attempt`` is the fence: who lost the claim writes nothing, and a file stored for
nothing has the attempt in its key and is overwritten by nobody.
"""

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from anneal.kernel import clock
from anneal.kernel.errors import DomainError, StorageUnavailable
from anneal.kernel.events import FileStored, publish
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import StoredObject, object_delete, object_put, tenant_key
from mlworker.catalog.selectors import hub_name
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import BaseReference, EngineError, ErrorCode
from mlworker.engine.exporting.contracts import ARTIFACT, OUT, ROWS, ExportSpec
from mlworker.registry.artifacts import artifact_fetch
from mlworker.registry.contracts import ExportFormat, ExportState
from mlworker.registry.errors import ArtifactCorrupt
from mlworker.registry.exports.child import export_run
from mlworker.registry.exports.contracts import EXPORT_PREFIX, MAX_ATTEMPTS
from mlworker.registry.exports.manifest import export_seal, export_zip
from mlworker.registry.exports.services import export_ring
from mlworker.registry.models import ModelExport, ModelVersion
from tenants.datasets.contracts import Split
from tenants.datasets.errors import DatasetNotFound
from tenants.datasets.selectors import dataset_version_read

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=300)
"""A silent worker loses its export after this; every word of the child renews it."""
AWAY: Final = timedelta(seconds=120)
"""How long an attempt waits for a storage that did not answer the one before."""
_PASSING: Final = (ErrorCode.CRASHED, ErrorCode.OUT_OF_MEMORY, StorageUnavailable.code)
"""What another attempt may not meet again."""
GATE_ROWS: Final = 1_000
CARD: Final = "README.md"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claimed export needs, read once."""

    organization: OrganizationRef
    export_id: UUID
    attempt: int
    form: ExportFormat
    version: ModelVersion


class ClaimLost(Exception):
    """Another worker has the export, or nobody wants it any more."""


def export_make(*, organization: OrganizationRef, export_id: UUID) -> bool:
    """Make an export; False when there is nothing to do. Opens its own scopes."""
    claim = _claim(organization, export_id)
    if claim is None:
        return False
    try:
        _make(claim)
    except ClaimLost:
        return False
    except EngineError as error:
        _fail(claim, str(error.code), error.message)
    except (ArtifactCorrupt, FileNotFoundError):
        _fail(claim, ArtifactCorrupt.code, ArtifactCorrupt.message)
    except DatasetNotFound:
        _fail(claim, "dataset_deleted", "The dataset whose rows would measure it was deleted.")
    except DomainError as error:
        _fail(claim, error.code, error.text)
    except Exception:
        # Whatever it was, whoever waits hears of it now and not when the lease has run out.
        logger.exception("export.failed", extra={"export": str(claim.export_id)})
        _fail(claim, ErrorCode.CRASHED, "The export failed for a reason that was not foreseen.")
    return True


def _claim(organization: OrganizationRef, export_id: UUID) -> Claim | None:
    free = Q(state=ExportState.QUEUED) | Q(state=ExportState.RUNNING, lease_until__lt=Now())
    with tenant_scope(organization):
        row: ModelExport | None = (
            ModelExport.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("version")
            .filter(free, id=export_id)
            .first()
        )
        if row is None:
            return None
        again = row.state == ExportState.RUNNING
        if again:
            # A worker that died between storing its file and saying so left one that no row names.
            key = _file_key(organization, row.id, row.attempt)
            outbox_add(task="registry.artifact_delete", queue="default", payload={"key": key})
        if again and row.attempt % MAX_ATTEMPTS == 0:
            _ended(row, "worker_lost", "Three workers in a row stopped answering: ask again.")
            return None
        row.attempt += 1
        row.state = ExportState.RUNNING
        row.save(update_fields=["attempt", "state"])
        ModelExport.objects.filter(id=row.id).update(lease_until=Now() + LEASE)
        form = ExportFormat(row.format)
        return Claim(organization, row.id, row.attempt, form, row.version)


def _make(claim: Claim) -> None:
    version = claim.version
    with _workspace(claim) as folder:
        artifact = artifact_fetch(
            key=version.artifact_key,
            sha256=version.artifact_sha256,
            directory=settings.ANNEAL_HOME / "artifacts",
        )
        shutil.copytree(artifact, folder / ARTIFACT)
        if claim.form is ExportFormat.ONNX_INT8:
            _rows_write(claim, folder)
        base = locate_base(version.base)
        ExportSpec(
            format=claim.form,
            name=version.name,
            base=BaseReference(base.id, str(base.directory), base.weights_sha256),
            hub=hub_name(base.id),
        ).write(folder)
        done = export_run(folder, lambda share, phase: _progress(claim, share, phase))
        _progress(claim, 0.9, "packing")
        out = folder / OUT
        (out / CARD).write_text(version.card, "utf-8")
        manifest = export_seal(out, export_facts(version, claim.form, done["quality"]))
        _ready(claim, _store(claim, folder, out), manifest)


def export_facts(
    version: ModelVersion, form: ExportFormat, quality: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a manifest says of a version: all that is needed to make it again."""
    return {
        "model": version.name,
        "format": str(form),
        "exported_at": clock.now().isoformat(),
        "task": version.task,
        "tier": version.tier,
        "base": version.base,
        "labels": list(version.labels),
        "max_length": version.max_length,
        "metrics": version.metrics,
        "lineage": version.lineage,
        "origin": version.origin,
        "artifact_sha256": version.artifact_sha256,
        "quality": quality,
    }


def _store(claim: Claim, folder: Path, out: Path) -> StoredObject:
    path = folder / "export.zip"
    with path.open("wb") as file:
        export_zip(out, file)
    with path.open("rb") as source:
        return object_put(_file_key(claim.organization, claim.export_id, claim.attempt), source)


def _file_key(organization: OrganizationRef, export_id: UUID, attempt: int) -> str:
    return tenant_key(organization, "exports", f"{public_id('', export_id)}-{attempt}.zip")


def _rows_write(claim: Claim, folder: Path) -> None:
    """Write the rows that measure int8: of the test split, else those of the validation."""
    identity = claim.version.dataset_version_id
    if identity is None:
        raise AssertionError("Refused when it was asked for.")
    for split in (Split.TEST, Split.VALIDATION):
        with tenant_scope(claim.organization):
            table = dataset_version_read(
                organization=claim.organization, version_id=identity, split=split
            )
        rows = table.select(["text", "label"]).slice(0, GATE_ROWS).to_pylist()
        if rows:
            lines = [json.dumps({**row, "split": split.value}) + "\n" for row in rows]
            (folder / ROWS).write_text("".join(lines), "utf-8")
            return
    raise EngineError(
        ErrorCode.INVALID_DATA,
        "Whether 8 bits are accurate enough is measured on test rows, and the dataset has none.",
    )


@contextmanager
def _workspace(claim: Claim) -> Iterator[Path]:
    root = Path(settings.ANNEAL_HOME) / "work" / "exports"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    # An attempt that was killed left its folder: only one attempt lives at a time.
    prefix = f"{public_id(EXPORT_PREFIX, claim.export_id)}-"
    for old in root.glob(f"{prefix}*"):
        shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _mine(claim: Claim) -> Any:
    return ModelExport.objects.filter(
        id=claim.export_id, attempt=claim.attempt, state=ExportState.RUNNING
    )


def _progress(claim: Claim, share: float, phase: str) -> None:
    with tenant_scope(claim.organization):
        told = _mine(claim).update(progress=share, phase=phase, lease_until=Now() + LEASE)
    if not told:
        raise ClaimLost


def _ready(claim: Claim, stored: StoredObject, manifest: Mapping[str, Any]) -> None:
    """Write down the file. ClaimLost, or a refusal when it is larger than the plan has room for;
    then no object is left without a row.
    """
    try:
        with tenant_scope(claim.organization):
            told = _mine(claim).update(
                state=ExportState.READY,
                progress=1.0,
                phase="",
                error=None,
                lease_until=None,
                key=stored.key,
                size=stored.size,
                sha256=stored.sha256,
                manifest=dict(manifest),
                finished_at=clock.now(),
            )
            if not told:
                raise ClaimLost
            publish(FileStored(organization=claim.organization, bytes=stored.size))
    except (ClaimLost, DomainError):
        object_delete(stored.key)
        raise


def _fail(claim: Claim, code: str, message: str) -> None:
    with tenant_scope(claim.organization):
        row = _mine(claim).select_for_update().first()
        if row is None:
            return
        if code in _PASSING and row.attempt % MAX_ATTEMPTS:
            row.error = {"code": code, "message": message}
            row.save(update_fields=["error"])
            if code == StorageUnavailable.code:
                # Three attempts within a second would all meet the same: the reaper rings later.
                _mine(claim).update(lease_until=Now() + AWAY)
                return
            _mine(claim).update(lease_until=Now())
            export_ring(row)
            return
        _ended(row, code, message)


def _ended(row: ModelExport, code: str, message: str) -> None:
    row.state, row.lease_until, row.finished_at = ExportState.FAILED, None, clock.now()
    row.error = {"code": code, "message": message}
    row.save()
