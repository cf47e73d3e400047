"""Checkpoints on disk: where they lie, what they are called, whether one is whole. No torch.

`state.safetensors` holds tensors, `state.json` the rest; nothing is pickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mlworker.engine.contracts import FORMAT, EngineError, ErrorCode
from mlworker.engine.durable import TEMPORARY, check_folder, manifest_sha256

FOLDER = "checkpoints"
TENSORS = "state.safetensors"
STATE = "state.json"
KEPT = 2
"""How many checkpoints a run keeps on disk."""


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """A verified checkpoint."""

    path: Path
    step: int
    epoch: float
    fingerprint: str
    manifest_sha256: str
    bytes: int


def checkpoint_path(run_dir: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return run_dir / FOLDER / f"step-{step:08d}"


def verify_checkpoint(path: Path) -> CheckpointInfo:
    """Hash everything; EngineError(checkpoint_corrupt) unless it is whole."""
    body = check_folder(path, ErrorCode.CHECKPOINT_CORRUPT)
    try:
        files = cast("dict[str, dict[str, int]]", body["files"])
        if body["format"] != FORMAT or set(files) != {TENSORS, STATE}:
            raise ValueError("it is not a checkpoint of this engine")
        return CheckpointInfo(
            path=path,
            step=int(cast("int", body["step"])),
            epoch=float(cast("float", body["epoch"])),
            fingerprint=str(body["fingerprint"]),
            manifest_sha256=manifest_sha256(path),
            bytes=sum(entry["bytes"] for entry in files.values()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(
            ErrorCode.CHECKPOINT_CORRUPT, f"{path.name} cannot be used: {error}."
        ) from error


def stale_checkpoints(run_dir: Path) -> list[Path]:
    """Folders a run may delete: half-written ones and all but the newest `KEPT`."""
    folder = run_dir / FOLDER
    if not folder.is_dir():
        return []
    names = sorted(path for path in folder.iterdir() if path.is_dir())
    whole = [path for path in names if not path.name.startswith(TEMPORARY)]
    return [path for path in names if path not in whole] + whole[:-KEPT]
