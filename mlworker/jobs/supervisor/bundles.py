"""A checkpoint's folder as one stored object: a plain tar of plain files, checked both ways."""

import hashlib
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO, Final, cast

from anneal.kernel.storage import StoredObject, object_open, object_put

_BLOCK: Final = 1024 * 1024
_SPOOL: Final = 16 * 1024 * 1024


class BundleCorrupt(Exception):
    """Stored bytes are missing or not those that were written."""


def bundle_store(folder: Path, key: str) -> StoredObject:
    """Store a folder's files under ``key``."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        with tarfile.open(fileobj=spool, mode="w") as tar:
            for path in sorted(folder.iterdir()):
                tar.add(path, arcname=path.name, recursive=False)
        spool.seek(0)
        return object_put(key, cast("BinaryIO", spool))


def bundle_fetch(key: str, sha256: str, folder: Path) -> None:
    """Fetch a folder's files into ``folder``. BundleCorrupt if they are not the ones stored."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        digest = hashlib.sha256()
        try:
            with object_open(key) as stored:
                while block := stored.read(_BLOCK):
                    digest.update(block)
                    spool.write(block)
        except FileNotFoundError as error:
            raise BundleCorrupt(key) from error
        if digest.hexdigest() != sha256:
            raise BundleCorrupt(key)
        spool.seek(0)
        folder.mkdir(parents=True)
        with tarfile.open(fileobj=spool, mode="r:") as tar:
            tar.extractall(folder, filter="data")
