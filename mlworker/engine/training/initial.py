"""Beginning with weights that are there already: another run's artifact or checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from mlworker.engine.artifact import load_artifact
from mlworker.engine.checkpoint import TENSORS, verify_checkpoint
from mlworker.engine.contracts import BaseReference, EngineError, ErrorCode, InitialReference
from mlworker.engine.tasks.base import Task
from mlworker.engine.training.trainable import Trainable

_HEAD = ("head.weight", "head.bias")
_KEPT = ("best.", "average.", "now.")
"""What a checkpoint holds, the most useful first."""


def begin_with(
    model: Trainable,
    initial: InitialReference,
    run_dir: Path,
    labels: tuple[str, ...],
    task: Task,
    base: BaseReference,
) -> None:
    """Put another run's weights into a fresh model of the same tier and shape.

    The last layer is taken over label by label; a label that is new keeps its fresh row.
    EngineError(invalid_config) when the weights are of another shape, or stand on another base.
    """
    found = _tensors(run_dir / initial.directory, task, base)
    own = dict(model.named())
    for name in sorted(set(found) - set(own)):
        raise EngineError(
            ErrorCode.INVALID_CONFIG,
            f"The weights to continue from have {name}, which these settings would leave out: "
            "they were trained with other ones. Train without continue_from.",
        )
    with torch.no_grad():
        for name, parameter in own.items():
            if name not in _HEAD:
                _copy(name, parameter, found)
        _head(own, found, initial.labels, labels)


def _tensors(folder: Path, task: Task, base: BaseReference) -> dict[str, Tensor]:
    """An artifact's tensors, or a checkpoint's, which are as its run trained them."""
    if not (folder / TENSORS).is_file():
        artifact = load_artifact(folder)
        if artifact.manifest.base_sha256 != base.weights_sha256:
            raise EngineError(
                ErrorCode.INVALID_CONFIG,
                f"The model to continue from stands on other weights than {base.id!r} has here "
                "now: another base was added under its name. Train without continue_from.",
            )
        return task.taken_up(artifact.tensors)
    verify_checkpoint(folder)
    flat = load_file(folder / TENSORS)
    for prefix in _KEPT:
        found = {
            name.removeprefix(prefix): value
            for name, value in flat.items()
            if name.startswith(prefix)
        }
        if found:
            return found
    raise EngineError(ErrorCode.CHECKPOINT_CORRUPT, "The checkpoint holds no weights.")


def _copy(name: str, parameter: Tensor, found: dict[str, Tensor]) -> None:
    value = found.get(name)
    if value is None or value.shape != parameter.shape:
        raise EngineError(
            ErrorCode.INVALID_CONFIG,
            f"The weights to continue from have no {name} of this shape: they were trained with "
            "other settings. Train without continue_from.",
        )
    parameter.copy_(value)


def _head(
    own: dict[str, Tensor],
    found: dict[str, Tensor],
    theirs: tuple[str, ...],
    labels: tuple[str, ...],
) -> None:
    weight, bias = (found.get(name) for name in _HEAD)
    ours, our_bias = (own[name] for name in _HEAD)
    if weight is None or bias is None or weight.shape[1] != ours.shape[1]:
        return
    if len(theirs) != weight.shape[0] or len(labels) != ours.shape[0]:
        # A last layer that is not one row a label: all of it or nothing.
        if theirs == labels and weight.shape == ours.shape:
            ours.copy_(weight)
            our_bias.copy_(bias)
        return
    places = {label: place for place, label in enumerate(theirs)}
    for place, label in enumerate(labels):
        if label in places:
            ours[place].copy_(weight[places[label]])
            our_bias[place].copy_(bias[places[label]])
