"""The files of an upload, from a zip or as they are: known names, true sizes, nothing unpacked."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
TOKENIZER: Final = "tokenizer.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
REQUIRED: Final = (CONFIG, WEIGHTS, TOKENIZER)
TEXTS: Final = frozenset({CONFIG, TOKENIZER, TOKENIZER_CONFIG, "special_tokens_map.json"})
IGNORED: Final = frozenset(
    {
        *("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model"),
        *("README.md", "SHA256SUMS"),
        *("anneal-export.json", "anneal-export.json.sig", "anneal-export.pub.pem"),
    }
)
"""Harmless companions: not even opened."""
MAX_TEXT: Final = 16_000_000
MAX_FILES: Final = 64
MAX_WEIGHTS: Final = 2_000_000_000
_MAX_RATIO: Final = 100
_BLOCK: Final = 1024 * 1024
_ZIP: Final = b"PK\x03\x04"
_END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x06"
_LOCATOR64: Final = b"PK\x06\x07"
_END_BYTES: Final = 22
_TAIL: Final = _END_BYTES + 76 + 65_535
_DIRECTORY: Final = MAX_FILES * 1_024
_UNREADABLE: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError),
)
_LINK: Final = 0o120000
_KIND: Final = 0o170000
_CODE: Final = {
    **dict.fromkeys((".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"), "a pickle"),
    **dict.fromkeys((".npy", ".npz", ".h5", ".msgpack", ".gguf", ".onnx"), "another format"),
    **dict.fromkeys((".py", ".so", ".pyc"), "code"),
}


class ImportInvalid(Exception):
    """The upload is refused; the message names the file or the key, and what would do."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file: its name as sent, and its bytes."""

    name: str
    source: BinaryIO


def files_take(uploads: Sequence[Upload], into: Path, most: int = MAX_WEIGHTS) -> frozenset[str]:
    """Copy the files that matter into a folder; return their names. ImportInvalid.

    ``most``: bytes of the largest weights that could be of any use.
    """
    if len(uploads) == 1 and _head(uploads[0].source).startswith(_ZIP):
        return _from_zip(uploads[0], into, most)
    if len(uploads) > MAX_FILES:
        raise ImportInvalid(f"Send at most {MAX_FILES} files.")
    known = _known([upload.name for upload in uploads])
    for upload in uploads:
        if known.get(upload.name) is not None:
            upload.source.seek(0)
            _copy(upload.source, into / known[upload.name], upload.name, most)
    return _complete(known)


def _from_zip(upload: Upload, into: Path, most: int) -> frozenset[str]:
    _directory_check(upload)
    try:
        with zipfile.ZipFile(upload.source) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_FILES:
                raise ImportInvalid(f"The zip holds {len(entries):,} files; send {MAX_FILES}.")
            for entry in entries:
                _entry_check(entry)
            known = _known([entry.filename for entry in entries])
            for entry in entries:
                if known.get(entry.filename) is not None:
                    with archive.open(entry) as source:
                        _copy(source, into / known[entry.filename], entry.filename, most)  # type: ignore[arg-type]  # IO[bytes]
            return _complete(known)
    except _UNREADABLE as error:
        raise ImportInvalid(f"{upload.name[:80]} is not a zip that can be read: {error}") from error


def _directory_check(upload: Upload) -> None:
    """Look at the directory's length before the library reads it: a million entries fill memory."""
    end = upload.source.seek(0, os.SEEK_END)
    upload.source.seek(max(0, end - _TAIL))
    tail = upload.source.read(_TAIL)
    upload.source.seek(0)
    place = tail.rfind(_END)
    record = tail[place : place + _END_BYTES]
    size = int.from_bytes(record[12:16], "little")
    whole = place >= 0 and len(record) == _END_BYTES
    if whole and tail[max(0, place - 20) : place].startswith(_LOCATOR64):
        # The longer record, which then counts, stands directly before its locator.
        longer = tail[max(0, place - 76) : place - 20]
        whole, size = longer.startswith(_END64), int.from_bytes(longer[40:48], "little")
    if not whole:
        raise ImportInvalid(f"{upload.name[:80]} is not a zip that can be read.")
    if size > _DIRECTORY:
        raise ImportInvalid(f"{upload.name[:80]} names far too many files; send {MAX_FILES}.")


def _entry_check(entry: zipfile.ZipInfo) -> None:
    name = entry.filename[:120]
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ImportInvalid(f"{name} is packed in a way that is not read: use plain zip.")
    if entry.flag_bits & 0x1:
        raise ImportInvalid(f"{name} is encrypted: send it without a password.")
    if (entry.external_attr >> 16) & _KIND == _LINK:
        raise ImportInvalid(f"{name} is a link: send the file itself.")
    if entry.file_size > _MAX_RATIO * max(entry.compress_size, 1) and entry.file_size > _BLOCK:
        raise ImportInvalid(f"{name} unpacks to {entry.file_size:,} bytes from hardly any.")


def _known(names: Sequence[str]) -> Mapping[str, str]:
    """Name as sent -> plain name of each file that is read. A folder around all is allowed."""
    paths = {name: _path(name) for name in names}
    folders = {path.parent for path in paths.values()}
    if len(folders) > 1 or any(len(folder.parts) > 1 for folder in folders):
        odd = max(names, key=lambda name: len(_path(name).parts))
        raise ImportInvalid(f"{odd[:120]}: the files have to lie side by side, in one folder.")
    known: dict[str, str] = {}
    for name, path in paths.items():
        plain = path.name
        if plain in IGNORED:
            continue
        if plain not in TEXTS and plain != WEIGHTS:
            raise ImportInvalid(_strange(plain))
        if plain in known.values():
            raise ImportInvalid(f"{plain} is there twice.")
        known[name] = plain
    return known


def _path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    odd = "\\" in name or "\0" in name or ":" in name or path.is_absolute() or ".." in path.parts
    if odd or not path.name:
        raise ImportInvalid(f"{name[:120]!r} is not a plain file name.")
    return path


def _strange(name: str) -> str:
    kind = _CODE.get(PurePosixPath(name).suffix.lower())
    if name == "adapter_config.json" or name.startswith("adapter_model"):
        return f"{name}: adapters are not imported. Merge it into its base and send that folder."
    if kind is not None:
        return f"{name} is {kind}, which is never opened here. Send weights as {WEIGHTS} alone."
    accepted = ", ".join(sorted(TEXTS | {WEIGHTS}))
    return f"{name[:120]} is not one of the files that are read: {accepted}."


def _complete(known: Mapping[str, str]) -> frozenset[str]:
    found = frozenset(known.values())
    for name in REQUIRED:
        if name not in found:
            raise ImportInvalid(f"{name} is missing: send the folder that save_pretrained wrote.")
    return found


def _copy(source: BinaryIO, target: Path, name: str, most: int) -> None:
    """Copy with the bound of the kind, whatever a header promised."""
    limit, size = most if target.name == WEIGHTS else MAX_TEXT, 0
    with target.open("wb") as out:
        while block := source.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise ImportInvalid(f"{name[:120]} is larger than {limit:,} bytes.")
            out.write(block)


def _head(source: BinaryIO) -> bytes:
    source.seek(0)
    head = source.read(len(_ZIP))
    source.seek(0)
    return head
