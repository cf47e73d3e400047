"""Where a run of the loop stands, to the last step: written to and read from a checkpoint folder.

Everything random in a step is seeded by (seed, step), so position and weights are the whole state.
"""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mlworker.engine.checkpoint import (
    STATE,
    TENSORS,
    checkpoint_path,
    stale_checkpoints,
    verify_checkpoint,
)
from mlworker.engine.contracts import (
    FORMAT,
    CheckpointMessage,
    EngineError,
    ErrorCode,
    Json,
    LogMessage,
)
from mlworker.engine.durable import manifest_sha256, publish_folder
from mlworker.engine.link import Link
from mlworker.engine.training.trainable import Trainable

STUDY = "study"
_AVERAGE = 0.98
"""Share of the average that stays at each step: it looks back about 50 steps."""
_AVERAGE_EVERY = 4
"""Steps between two updates of the average: in tier full each reads and writes all of a base."""


@dataclass
class Position:
    """The figures of a run in progress."""

    step: int = 0
    """Optimizer steps done."""
    epoch: int = 0
    batch: int = 0
    """Batches done in this epoch."""
    evaluated: int = 0
    """`step` of the newest evaluation."""
    trained_tokens: int = 0
    rows_read: int = 0
    recent_loss: float = 0.0
    """Training loss, averaged over about 20 steps."""
    seconds: float = 0.0
    """Wall time in earlier attempts."""
    best_score: float = -math.inf
    best_loss: float = math.inf
    best_step: int = 0
    stale: int = 0
    """Evaluations since the best one."""
    stopped_early: bool = False


@dataclass
class RunState:
    """Position, current weights with optimizer moments, their running average, and the best
    averages so far: a run is judged by its average, which wavers less than its weights.
    """

    model: Trainable
    optimizer: torch.optim.Optimizer
    position: Position = field(default_factory=Position)
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.average = {name: value.detach().clone() for name, value in self.model.named()}

    def average_update(self) -> None:
        """Take the weights of the step just done into the average, at every fourth step."""
        if self.position.step % _AVERAGE_EVERY:
            return
        keep = min(_AVERAGE, (1 + self.position.step) / (10 + self.position.step))
        keep **= _AVERAGE_EVERY
        with torch.no_grad():
            parameters = [parameter for _, parameter in self.model.named()]
            torch._foreach_lerp_([*self.average.values()], parameters, 1 - keep)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model with its averaged weights, until the block is left."""
        now = {name: value.detach().clone() for name, value in self.model.named()}
        self.model.restore(self.average)
        try:
            yield
        finally:
            self.model.restore(now)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under flat names."""
        flat = {f"now.{name}": value for name, value in self.model.tensors().items()}
        flat.update({f"average.{name}": value.cpu() for name, value in self.average.items()})
        flat.update({f"best.{name}": value.cpu() for name, value in self.best.items()})
        for name, parameter in self.model.named():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                flat[f"optimizer.{key}.{name}"] = value.detach().cpu().clone()
        return flat

    def restore(self, tensors: dict[str, Tensor], position: dict[str, object]) -> None:
        """The inverse of `tensors` and `asdict(position)`."""
        self.position = Position(**position)  # type: ignore[arg-type]  # our own hashed JSON
        self.model.restore(_under("now.", tensors))
        found = _under("average.", tensors)  # nothing in a checkpoint older than averages
        for name, parameter in self.model.named():
            self.average[name].copy_(found.get(name, parameter.detach()))
        self.best = _under("best.", tensors)
        for name, parameter in self.model.named():
            state = {
                key.removeprefix("optimizer.").removesuffix(f".{name}"): value
                for key, value in tensors.items()
                if key.startswith("optimizer.") and key.endswith(f".{name}")
            }
            if state:
                self.optimizer.state[parameter] = {
                    key: value.to(parameter.device) for key, value in state.items()
                }


def checkpoint_write(
    run_dir: Path,
    state: RunState,
    *,
    step: int,
    fingerprint: str,
    config: dict[str, object],
    epoch: float,
    carried: tuple[dict[str, Tensor], Json] = ({}, None),
    before_rename: Callable[[], None] | None = None,
) -> CheckpointMessage:
    """Publish a checkpoint of this state, and of the study it is a part of."""
    body: dict[str, object] = {"position": asdict(state.position), "config": config}
    return checkpoint_publish(
        run_dir,
        step=step,
        epoch=epoch,
        tokens=state.position.trained_tokens,
        fingerprint=fingerprint,
        tensors=state.tensors(),
        body=body,
        carried=carried,
        before_rename=before_rename,
    )


def checkpoint_publish(
    run_dir: Path,
    *,
    step: int,
    epoch: float,
    tokens: int,
    fingerprint: str,
    tensors: dict[str, Tensor],
    body: dict[str, object],
    carried: tuple[dict[str, Tensor], Json],
    before_rename: Callable[[], None] | None = None,
) -> CheckpointMessage:
    """Publish a checkpoint and delete the ones it replaces."""
    target = checkpoint_path(run_dir, step)
    describe = {"format": FORMAT, "step": step, "epoch": epoch, "fingerprint": fingerprint}
    found, study = carried
    with publish_folder(target, describe, before_rename=before_rename) as folder:
        save_file(
            tensors | {f"{STUDY}.{name}": one for name, one in found.items()}, folder / TENSORS
        )
        whole = body if study is None else {**body, STUDY: study}
        (folder / STATE).write_text(json.dumps(whole), encoding="utf-8")
    size = sum(path.stat().st_size for path in target.iterdir())
    for old in stale_checkpoints(run_dir):
        _remove(old)
    return CheckpointMessage(
        path=str(target.relative_to(run_dir)),
        step=step,
        epoch=epoch,
        trained_tokens=tokens,
        manifest_sha256=manifest_sha256(target),
        bytes=size,
    )


def checkpoint_try(
    link: Link, save: Callable[[], CheckpointMessage | None]
) -> CheckpointMessage | None:
    """Write a checkpoint if the disk takes it: what is trained is worth more than a copy of it."""
    try:
        return save()
    except (OSError, SafetensorError):
        traceback.print_exc()  # for the operator: it names folders
        told = "No checkpoint was written: the disk did not take it."
        link.send(LogMessage("warning", told, "trainer.checkpoint_missing"))
        return None


def checkpoint_read(path: Path) -> tuple[str, dict[str, object], dict[str, object]]:
    """(fingerprint, config, position) of a verified checkpoint."""
    info = verify_checkpoint(path)
    body = json.loads((path / STATE).read_text(encoding="utf-8"))
    return info.fingerprint, dict(body["config"]), dict(body["position"])


def checkpoint_study(path: Path) -> tuple[dict[str, Tensor], Json]:
    """What a verified checkpoint carries of a study; None where it carries none."""
    verify_checkpoint(path)
    body = json.loads((path / STATE).read_text(encoding="utf-8"))
    return _under(f"{STUDY}.", load_file(path / TENSORS)), body.get(STUDY)


def checkpoint_restore(path: Path, state: RunState, fingerprint: str) -> None:
    """Load a checkpoint of the same run; EngineError(checkpoint_corrupt) when it is another's."""
    found, _, position = checkpoint_read(path)
    if found != fingerprint:
        raise EngineError(
            ErrorCode.CHECKPOINT_CORRUPT,
            "The checkpoint belongs to other rows, labels or settings. Start without it.",
        )
    state.restore(load_file(path / TENSORS), position)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()
