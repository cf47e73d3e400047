"""Object storage: a local folder or S3, by one setting. Keys are made by us, never by a caller."""

import contextlib
import hashlib
import logging
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from django.core.files.storage import default_storage

from anneal.kernel.errors import StorageUnavailable
from anneal.kernel.scopes import OrganizationRef

logger = logging.getLogger(__name__)

_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_SPOOL: Final = 8 * 1024 * 1024
_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Where an object lies, its bytes and their sha256 (hex)."""

    key: str
    size: int
    sha256: str


def tenant_key(organization: OrganizationRef, *parts: str) -> str:
    """Return a key inside the organization's own folder. Parts are ours: anything odd raises."""
    for part in parts:
        if not _PART.fullmatch(part) or ".." in part:
            raise ValueError(f"Not a storage key part: {part!r}")
    return "/".join(("organizations", str(organization.id), *parts))


def object_put(key: str, data: bytes | BinaryIO) -> StoredObject:
    """Store bytes under ``key``, replacing what was there, and return their size and sha256.

    Raises StorageUnavailable, as all functions here do.
    """
    digest, size = hashlib.sha256(), 0
    with _answering("put"), tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        if isinstance(data, bytes):
            digest.update(data)
            size = spool.write(data)
        else:
            while block := data.read(_BLOCK):
                digest.update(block)
                size += spool.write(block)
        spool.seek(0)
        default_storage.save(key, File(cast("BinaryIO", spool)))
    return StoredObject(key, size, digest.hexdigest())


def object_open(key: str) -> BinaryIO:
    """Open an object for reading. FileNotFoundError if there is none."""
    with _answering("open"):
        stored = default_storage.open(key, "rb")
        # S3 sends the bytes at the first read: let that happen where its faults are known.
        stored.seek(0)
        return cast("BinaryIO", stored)


def object_exists(key: str) -> bool:
    """Say whether an object lies there."""
    with _answering("exists"):
        return default_storage.exists(key)


def object_delete(key: str) -> None:
    """Remove an object; one that is not there is no error."""
    with _answering("delete"):
        default_storage.delete(key)


@contextlib.contextmanager
def _answering(call: str) -> Iterator[None]:
    """Tell a missing object, which callers know what to do about, from a storage that fails."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, BotoCoreError, ClientError) as error:
        logger.exception("storage.%s_failed", call)
        raise StorageUnavailable(retry_after=5) from error
