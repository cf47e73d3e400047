"""Artifacts on disk: fetched once, verified, unpacked, kept under their checksum."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from anneal.kernel.storage import object_open
from mlworker.catalog.selectors import shipped_model_get
from mlworker.engine.artifact_manifest import unpack
from mlworker.registry.contracts import SHIPPED_KEY
from mlworker.registry.errors import ArtifactCorrupt, ModelNotFound

MAX_BYTES: Final = 2 * 1024**3


def artifact_fetch(*, key: str, sha256: str, directory: Path) -> Path:
    """Return the folder with an artifact's files, downloading it if this directory has it not.

    ArtifactCorrupt when the stored bytes are not the registered ones. Safe to call from several
    processes at once: the folder appears by one rename.
    """
    if key.startswith(SHIPPED_KEY):
        return _shipped_folder(key.removeprefix(SHIPPED_KEY))
    folder = directory / sha256
    if folder.is_dir():
        return folder
    with object_open(key) as stored:
        data = stored.read(MAX_BYTES + 1)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArtifactCorrupt
    directory.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".fetch-", dir=directory))
    try:
        unpack(data, aside)
        aside.rename(folder)
    except OSError:
        # Another process was first; its bytes have the same checksum.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return folder


def _shipped_folder(name: str) -> Path:
    card = shipped_model_get(name)
    if card is None:
        raise ModelNotFound
    return card.directory
