"""Folders that are either whole or not there: temp, fsync, manifest with sha256, rename. No torch.

A folder is published with `publish_folder` and checked with `check_folder`. Its `manifest.json`
lists every other file with size and hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mlworker.engine.base.locate import file_sha256
from mlworker.engine.contracts import EngineError, ErrorCode

MANIFEST = "manifest.json"
README = "README.md"
TEMPORARY = ".tmp-"
_MAX_MANIFEST_BYTES = 10_000_000


@contextlib.contextmanager
def publish_folder(
    target: Path, describe: Mapping[str, object], *, before_rename: Callable[[], None] | None = None
) -> Iterator[Path]:
    """Yield a temporary folder to fill; on a clean exit it becomes `target`, durably.

    A process killed at any moment leaves either the whole target or a `.tmp-*` folder beside it.
    """
    temporary = target.parent / f"{TEMPORARY}{target.name}-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        names = sorted(path.name for path in temporary.iterdir())
        files = {
            name: {
                "sha256": file_sha256(temporary / name),
                "bytes": (temporary / name).stat().st_size,
            }
            for name in names
        }
        body = json.dumps({**describe, "files": files}, ensure_ascii=False, indent=1)
        (temporary / MANIFEST).write_text(body, encoding="utf-8")
        for name in (*names, MANIFEST):
            _sync(temporary / name)
        _sync(temporary)
        if before_rename is not None:
            before_rename()
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
        _sync(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_folder(folder: Path, code: ErrorCode) -> dict[str, object]:
    """Manifest of a whole, untouched folder; EngineError(code) says what is wrong with it.

    A `README.md` may lie beside the files; it is for people.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise ValueError("manifest.json is larger than 10 MB")
        body = json.loads(path.read_text(encoding="utf-8"))
        files = dict(body["files"])
        found = {item.name for item in folder.iterdir()} - {MANIFEST, README}
        if found != set(files):
            raise ValueError(f"files are {sorted(found)}, manifest says {sorted(files)}")
        for name, entry in files.items():
            if (folder / name).is_symlink() or file_sha256(folder / name) != entry["sha256"]:
                raise ValueError(f"{name} does not match its sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(code, f"{folder.name} is not whole: {error}.") from error
    return dict(body)


def manifest_sha256(folder: Path) -> str:
    """Hash that pins a folder: of the manifest, which pins all else."""
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
