"""An export as one zip: its files, a manifest that names and measures them, and the signature.

The manifest also carries the lineage, so that it alone is enough to train the model again.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from mlworker.engine.base.locate import file_sha256
from mlworker.registry.signing import installation_keys, key_id, public_key_pem, sign, verifies

MANIFEST: Final = "anneal-export.json"
SIGNATURE: Final = "anneal-export.json.sig"
PUBLIC_KEY: Final = "anneal-export.pub.pem"
SUMS: Final = "SHA256SUMS"
FORMAT: Final = 1
_OWN: Final = (MANIFEST, SIGNATURE, PUBLIC_KEY)
_MAX_MANIFEST: Final = 10_000_000
_BLOCK: Final = 1024 * 1024
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o644 << 16
_UNREADABLE: Final = (
    *(OSError, EOFError, KeyError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What reading a file raises that is no zip of ours: damaged, encrypted, packed in another way."""


class ExportInvalid(Exception):
    """The file is not what the installation exported; the message says in which way."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a whole, signed export says of itself."""

    manifest: Mapping[str, Any]
    key: str
    """Name of the key it was signed with."""


def export_seal(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Write sums, manifest, signature and public key beside the files; return the manifest."""
    names = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    sums = {name: file_sha256(folder / name) for name in names}
    (folder / SUMS).write_text("".join(f"{sums[name]}  {name}\n" for name in names), "utf-8")
    files = {
        name: {"sha256": file_sha256(folder / name), "bytes": (folder / name).stat().st_size}
        for name in (*names, SUMS)
    }
    pem = public_key_pem()
    manifest = {
        "anneal_export": FORMAT,
        **facts,
        "files": files,
        "signature": {"algorithm": "Ed25519", "key": key_id(pem), "file": SIGNATURE},
    }
    body = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True).encode()
    (folder / MANIFEST).write_bytes(body)
    (folder / SIGNATURE).write_bytes(sign(body))
    (folder / PUBLIC_KEY).write_bytes(pem)
    return manifest


def export_zip(folder: Path, out: IO[bytes]) -> None:
    """Write the folder as a zip, byte for byte the same for the same files. Weights do not pack."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.external_attr = _MODE
                with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as into:
                    while block := source.read(_BLOCK):
                        into.write(block)


def export_verify(path: Path, pem: bytes | None = None) -> Verified:
    """Check an export: the zip, or the folder it was unpacked to. ExportInvalid says what differs.

    Trusted are ``pem``, or the installation's own keys; the key inside the file proves nothing.
    """
    try:
        files = _Folder(path) if path.is_dir() else _Zip(path)
        with files:
            return _verify(files, [pem] if pem else installation_keys())
    except (*_UNREADABLE, TypeError, AttributeError) as error:
        raise ExportInvalid(f"{path.name} cannot be read as an export: {error!r}.") from error


def manifest_read(path: Path) -> dict[str, Any]:
    """Return the manifest of an export: a zip, a folder or the manifest itself. ExportInvalid."""
    try:
        if path.is_file() and not zipfile.is_zipfile(path):
            body = path.read_bytes()
        else:
            with _Folder(path) if path.is_dir() else _Zip(path) as files:
                body = files.read(MANIFEST, _MAX_MANIFEST)
        return _parse(body)
    except _UNREADABLE as error:
        raise ExportInvalid(f"{path.name} cannot be read as an export: {error!r}.") from error


def _verify(files: "_Folder | _Zip", keys: list[bytes]) -> Verified:
    body = files.read(MANIFEST, _MAX_MANIFEST)
    signature = files.read(SIGNATURE, _MAX_MANIFEST)
    signer = next((pem for pem in keys if verifies(body, signature, pem)), None)
    if signer is None:
        raise ExportInvalid(
            f"{SIGNATURE} is not this installation's signature of {MANIFEST}: give the exporting "
            "installation's public key with --key."
        )
    manifest = _parse(body)
    wanted = manifest["files"]
    found = set(files.names()) - set(_OWN)
    if found != set(wanted):
        odd = sorted(found ^ set(wanted))
        raise ExportInvalid(f"Files are missing or were added: {', '.join(odd[:5])}.")
    for name, entry in wanted.items():
        if files.sha256(name) != entry["sha256"]:
            raise ExportInvalid(f"{name} is not the file that was exported.")
    return Verified(manifest, key_id(signer))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(body)
    except ValueError as error:
        raise ExportInvalid(f"{MANIFEST} is not JSON: {error}.") from error
    if not isinstance(manifest, dict) or manifest.get("anneal_export") != FORMAT:
        raise ExportInvalid(f"This is no {MANIFEST} of format {FORMAT}.")
    return manifest


class _Folder:
    """An unpacked export."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> "_Folder":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def names(self) -> list[str]:
        return [p.relative_to(self._root).as_posix() for p in self._root.rglob("*") if p.is_file()]

    def read(self, name: str, limit: int) -> bytes:
        with (self._root / name).open("rb") as source:
            return source.read(limit)

    def sha256(self, name: str) -> str:
        return file_sha256(self._root / name)


class _Zip:
    """An export as it was downloaded. Nothing is unpacked."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def __enter__(self) -> "_Zip":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        names = self._zip.namelist()
        if len(set(names)) != len(names):
            raise ExportInvalid("A file is in the zip twice.")
        return names

    def read(self, name: str, limit: int) -> bytes:
        with self._zip.open(name) as source:
            return source.read(limit)

    def sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._zip.open(name) as source:
            while block := source.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()
