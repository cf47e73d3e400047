"""Artifacts on disk: fetched once, verified, unpacked, kept under their checksum."""

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from anneal.kernel.storage import object_open
from mlworker.catalog.selectors import shipped_model_get
from mlworker.engine.artifact_manifest import unpack
from mlworker.registry.contracts import SHIPPED_KEY
from mlworker.registry.errors import ArtifactCorrupt, ModelNotFound

MAX_BYTES: Final = 2 * 1024**3
KEPT_SECONDS: Final = 7 * 24 * 3600.0
"""How long an artifact that nobody asks for stays on a worker's disk, a deleted model's too."""


def artifact_fetch(*, key: str, sha256: str, directory: Path) -> Path:
    """Return the folder with an artifact's files, downloading it if this directory has it not.

    ArtifactCorrupt when the stored bytes are not the registered ones. Safe to call from several
    processes at once: the folder appears by one rename.
    """
    if key.startswith(SHIPPED_KEY):
        return _shipped_folder(key.removeprefix(SHIPPED_KEY))
    folder = directory / sha256
    if folder.is_dir():
        os.utime(folder)
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


def artifacts_forget(directory: Path) -> None:
    """Delete what nobody asked for lately, and what a killed process left half unpacked.

    What is wanted again is fetched again.
    """
    over = time.time() - KEPT_SECONDS
    for folder in directory.glob("*"):
        try:
            if folder.stat().st_mtime < over:
                shutil.rmtree(folder)
        except FileNotFoundError:
            continue  # another process was first


def _shipped_folder(name: str) -> Path:
    card = shipped_model_get(name)
    if card is None:
        raise ModelNotFound
    return card.directory
