"""Object storage: a local folder or S3, by one setting. Keys are made by us, never by a caller."""

import hashlib
import re
import tempfile
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from django.core.files.base import File
from django.core.files.storage import default_storage

from anneal.kernel.scopes import OrganizationRef

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
    """Store bytes under ``key``, replacing what was there, and return their size and sha256."""
    digest, size = hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        if isinstance(data, bytes):
            digest.update(data)
            size = spool.write(data)
        else:
            while block := data.read(_BLOCK):
                digest.update(block)
                size += spool.write(block)
        spool.seek(0)
        if default_storage.exists(key):
            default_storage.delete(key)
        stored = default_storage.save(key, File(cast("BinaryIO", spool)))
    if stored != key:
        default_storage.delete(stored)
        raise FileExistsError(key)
    return StoredObject(key, size, digest.hexdigest())


def object_open(key: str) -> BinaryIO:
    """Open an object for reading. FileNotFoundError if there is none."""
    return cast("BinaryIO", default_storage.open(key, "rb"))


def object_exists(key: str) -> bool:
    """Say whether an object lies there."""
    return default_storage.exists(key)


def object_delete(key: str) -> None:
    """Remove an object; one that is not there is no error."""
    default_storage.delete(key)
