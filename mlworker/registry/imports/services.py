"""Importing: the files are checked and converted in a private folder, then registered."""

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from django.conf import settings

from anneal.kernel.audit import audit_record
from anneal.kernel.events import FileArriving, FileStored, publish
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.storage import StoredObject, object_delete, object_put, tenant_key
from mlworker.catalog.selectors import base_models
from mlworker.engine.artifact_manifest import ArtifactManifest, pack
from mlworker.engine.base.locate import BaseDirectory, file_sha256, locate_base
from mlworker.engine.importing.convert import folder_convert
from mlworker.engine.importing.files import (
    MAX_WEIGHTS,
    WEIGHTS,
    ImportInvalid,
    Upload,
    files_take,
)
from mlworker.registry.contracts import Lineage, ModelVersionInfo, NewModelVersion, Origin
from mlworker.registry.errors import ImportRefused
from mlworker.registry.selectors import VERSION_PREFIX
from mlworker.registry.services import model_version_register

PARAM: Final = "files"
_WIDER: Final = 2
"""Times as large as a base's file, which may hold 16 bits a number, its weights in 32 bits are."""
_HEADER: Final = 16_000_000
"""Bytes for a head of many labels and the file's own header."""
_SHAPE: Final = {"frozen_layers": 0, "embeddings": "trained"}
"""Which of its weights are its own: a training that goes on from it has to have all of them."""


def model_import(
    *, organization: OrganizationRef, actor: Actor, uploads: Sequence[Upload], suffix: str
) -> ModelVersionInfo:
    """Make a version of a Hugging Face classifier; ImportRefused names the file or the key.

    The weights become a model of tier ``full`` on the base whose shape and tokenizer they have, so
    it is served, deployed and exported as every other.
    """
    require_scope(organization)
    size = sum(upload.source.seek(0, os.SEEK_END) for upload in uploads)
    publish(FileArriving(organization=organization, bytes=size))
    root = Path(settings.ANNEAL_HOME) / "work" / "imports"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as place:
        folder, artifact = Path(place) / "files", Path(place) / "artifact"
        folder.mkdir()
        try:
            bases = _bases()
            names = files_take(uploads, folder, _most_of(bases))
            manifest = folder_convert(folder, bases, artifact)
        except ImportInvalid as error:
            raise ImportRefused(str(error), param=PARAM) from error
        hashes = {name: file_sha256(folder / name) for name in sorted(names)}
        return _register(organization, actor, pack(artifact), manifest, hashes, suffix)


def _register(
    organization: OrganizationRef,
    actor: Actor,
    data: bytes,
    manifest: ArtifactManifest,
    hashes: dict[str, str],
    suffix: str,
) -> ModelVersionInfo:
    key = tenant_key(organization, "imports", f"{public_id('', uuid7())}.tar")
    stored = object_put(key, io.BytesIO(data))
    version, lineage = _described(manifest, stored, hashes, suffix)
    try:
        info = model_version_register(organization=organization, version=version, lineage=lineage)
        publish(FileStored(organization=organization, bytes=stored.size))
        audit_record(
            actor=actor,
            action="model_version.import",
            target=public_id(VERSION_PREFIX, info.id),
            detail={"name": info.name, "files": hashes},
        )
    except Exception:  # no room any more, or the database: leave no object without a row
        object_delete(stored.key)
        raise
    return info


def _described(
    manifest: ArtifactManifest, stored: StoredObject, hashes: dict[str, str], suffix: str
) -> tuple[NewModelVersion, Lineage]:
    """What the registry keeps of weights that were not trained here."""
    version = NewModelVersion(
        base=manifest.base_id,
        tier=manifest.tier,
        task=manifest.task,
        labels=manifest.labels,
        suffix=suffix,
        job_id=None,
        dataset_version_id=None,
        max_length=manifest.max_length,
        metrics={},
        artifact_key=stored.key,
        artifact_sha256=stored.sha256,
        artifact_bytes=stored.size,
        origin=Origin.IMPORT,
    )
    lineage = Lineage(
        dataset_version="",
        dataset_hash="",
        splits={},
        seed=0,
        config=_SHAPE,
        code_version="",
        libraries={},
        hardware="",
        seconds=0.0,
        trained_tokens=0,
        base_sha256=manifest.base_sha256,
        imported=hashes,
    )
    return version, lineage


def _bases() -> dict[str, BaseDirectory]:
    return {card.id: locate_base(card.id) for card in base_models() if card.present}


def _most_of(bases: Mapping[str, BaseDirectory]) -> int:
    """Return how large weights can be that fit a base: what is larger only fills the disk."""
    sizes = ((base.directory / WEIGHTS).stat().st_size for base in bases.values())
    return min(MAX_WEIGHTS, _WIDER * max(sizes, default=0) + _HEADER)
