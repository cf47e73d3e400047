"""A model version on disk: `manifest.json` and `weights.safetensors`, and nothing else. No torch.

The manifest says on which base (by hash) the weights stand, what they answer, and how they were
made. `pack` and `unpack` turn the folder into one object and back.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from mlworker.engine.contracts import FORMAT, EngineError, ErrorCode, Json, PoolingKind
from mlworker.engine.durable import MANIFEST, check_folder
from mlworker.engine.precision import gate_of

WEIGHTS = "weights.safetensors"
FILES = (MANIFEST, WEIGHTS)
ENGINE = "1"
TIERS = ("head", "lora", "full")
_TARGETS = ("all", "attention", "query_value", "feed_forward")
_POOLING: Mapping[str, PoolingKind] = {
    "cls": "cls",
    "attention": "attention",
    "mean": "attention",  # what attention was called while its queries were always zero
    "token": "token",
}
_MAX_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class LoraEntry:
    """Rank and scale (alpha / rank) of the adapter, and the layers that have one."""

    rank: int
    alpha: float
    targets: str = "all"
    first_block: int = 0


@dataclass(frozen=True, slots=True)
class FullEntry:
    """What a model of tier full brings of its own: blocks from `first_block` on, the pooler where
    it is read, and the embeddings where they were trained."""

    first_block: int
    embeddings: bool
    pooler: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactManifest:
    """Everything about a model version except its tensors."""

    task: str
    tier: str
    labels: tuple[str, ...]
    base_id: str
    base_sha256: str
    max_length: int
    pooling: PoolingKind
    layers: int
    lora: LoraEntry | None
    config: Mapping[str, Json]
    metrics: Mapping[str, Json]
    engine: str = ENGINE
    full: FullEntry | None = None

    def describe(self) -> dict[str, object]:
        """The manifest's body without its file list."""
        body = asdict(self)
        body["base"] = {"id": body.pop("base_id"), "weights_sha256": body.pop("base_sha256")}
        body["pooling"] = {"kind": body["pooling"], "layers": body.pop("layers")}
        return {"format": FORMAT, **body}


def read_manifest(folder: Path) -> ArtifactManifest:
    """Check files against hashes and fields against bounds; EngineError(artifact_corrupt)."""
    body = check_folder(folder, ErrorCode.ARTIFACT_CORRUPT)
    try:
        if body["format"] != FORMAT or set(cast("dict[str, object]", body["files"])) != {WEIGHTS}:
            raise ValueError("it is not an artifact of this engine")
        return _parse(body)
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt(f"{folder.name} has a manifest that cannot be used: {error!r}") from error


def pack(folder: Path) -> bytes:
    """The folder as an uncompressed tar, byte for byte the same for the same files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in FILES:
            data = (folder / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def unpack(data: bytes, into: Path) -> Path:
    """Write a packed artifact's two files into a folder; anything else in it is refused."""
    into.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            entries = tar.getmembers()
            if tuple(entry.name for entry in entries) != FILES:
                raise _corrupt(f"the package holds {[entry.name for entry in entries]}")
            for entry in entries:
                source = tar.extractfile(entry) if entry.isreg() else None
                if source is None or entry.size > _MAX_BYTES:
                    raise _corrupt(f"{entry.name} is not a plain file of a sensible size")
                (into / entry.name).write_bytes(source.read())
    except tarfile.TarError as error:
        raise _corrupt(f"the package cannot be opened: {error}") from error
    return into


def _parse(body: Mapping[str, object]) -> ArtifactManifest:
    base = cast("dict[str, str]", body["base"])
    pooling = cast("dict[str, object]", body["pooling"])
    lora = cast("dict[str, object] | None", body["lora"])
    full = cast("dict[str, object] | None", body.get("full"))  # older manifests have none
    labels = tuple(cast("list[str]", body["labels"]))
    if not all(isinstance(label, str) for label in labels) or len(set(labels)) != len(labels):
        raise ValueError("labels")
    if pooling["kind"] not in _POOLING or body["tier"] not in TIERS:
        raise ValueError("tier or pooling")
    if (body["tier"] == "lora") != (lora is not None):
        raise ValueError("lora")
    if (body["tier"] == "full") != (full is not None):
        raise ValueError("full")
    metrics = cast("dict[str, Json]", body["metrics"])
    gate_of(metrics)
    return ArtifactManifest(
        task=str(body["task"]),
        tier=str(body["tier"]),
        labels=labels,
        base_id=str(base["id"]),
        base_sha256=str(base["weights_sha256"]),
        max_length=_whole(body["max_length"], 8, 65_536),
        pooling=_POOLING[str(pooling["kind"])],
        layers=_whole(pooling["layers"], 1, 200),
        lora=None if lora is None else _lora(lora),
        full=None
        if full is None
        else FullEntry(
            _whole(full["first_block"], 0, 200),
            bool(full["embeddings"]),
            bool(full.get("pooler", True)),  # older manifests all have it
        ),
        config=cast("dict[str, Json]", body["config"]),
        metrics=metrics,
        engine=str(body["engine"]),
    )


def _lora(entry: Mapping[str, object]) -> LoraEntry:
    """Older manifests name no targets: all layers had an adapter."""
    targets = entry.get("targets", "all")
    if targets not in _TARGETS:
        raise ValueError("targets")
    return LoraEntry(
        _whole(entry["rank"], 1, 256),
        float(cast("float", entry["alpha"])),
        str(targets),
        _whole(entry.get("first_block", 0), 0, 200),
    )


def _whole(value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{value!r} is not a whole number from {low} to {high}")
    return value


def _corrupt(reason: str) -> EngineError:
    return EngineError(ErrorCode.ARTIFACT_CORRUPT, f"This model cannot be loaded: {reason}.")
