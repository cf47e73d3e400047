"""What folds are good for once they are done: files, likely label errors, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from mlworker.engine.contracts import FORMAT
from mlworker.engine.durable import publish_folder
from mlworker.engine.evaluation.calibration import calibration
from mlworker.engine.evaluation.run import row_numbers, split_rows
from mlworker.engine.study.calibrate import (
    best_thresholds,
    fit_temperature,
    log_loss,
    softmax,
)
from mlworker.engine.study.confident import Floats, Ints, label_errors
from mlworker.engine.study.cost import LABEL_TASKS
from mlworker.engine.study.files import FOLDER, PREDICTIONS, OutOfFold, out_of_fold_write
from mlworker.engine.training.setup import Setup, Trained

_HEAD = ("head.weight", "head.bias")


def folds_publish(setup: Setup, fold_of: Sequence[int], logits: Tensor) -> tuple[str, int | None]:
    """Write the predictions; (their folder in the run folder, how many labels look wrong).

    None where rows have no one label that could be.
    """
    task, targets = setup.task, setup.train.targets
    numbers = row_numbers(split_rows(setup, "train")[1])
    errors = None
    if task.name in LABEL_TASKS:
        errors = label_errors(np.array(targets, dtype=np.int64), softmax(_floats(logits)))
    found = OutOfFold(
        answers=task.answered(logits, targets, setup.labels, numbers),
        folds=np.array(fold_of, dtype=np.int64) + 1,
        errors=errors,
        labels=setup.labels,
    )
    with publish_folder(setup.run_dir / FOLDER, {"format": FORMAT}) as folder:
        out_of_fold_write(found, folder / PREDICTIONS)
    return FOLDER, None if errors is None else len(errors.rows)


def calibrated(setup: Setup, trained: Trained, logits: Tensor) -> tuple[Trained, dict[str, Any]]:
    """The model with its temperature in its head, and what was found.

    Dividing the head by a positive number changes no label and needs nothing of serving, of the
    export or of the report. It is done only where it helps the model itself: on validation rows.
    """
    folds, targets = _floats(logits), np.array(setup.train.targets, dtype=np.int64)
    temperature = fit_temperature(folds, targets)
    judged = _floats(trained.validation_logits)
    truth = np.array(setup.validation.targets, dtype=np.int64)
    applied = log_loss(judged, truth, temperature) < log_loss(judged, truth)
    if applied:
        trained = _divided(trained, temperature)
    shares = softmax(folds, temperature if applied else 1.0)
    cuts = best_thresholds(shares, targets)
    return trained, {
        "temperature": temperature,
        "applied": applied,
        "ece_before": _ece(softmax(folds), targets),
        "ece_after": _ece(softmax(folds, temperature), targets),
        "thresholds": {
            label: cut for label, cut in zip(setup.labels, cuts, strict=True) if cut is not None
        },
    }


def _divided(trained: Trained, temperature: float) -> Trained:
    tensors = {
        name: value / temperature if name in _HEAD else value
        for name, value in trained.tensors.items()
    }
    test = trained.test_logits
    return replace(
        trained,
        tensors=tensors,
        validation_logits=trained.validation_logits / temperature,
        test_logits=None if test is None else test / temperature,
    )


def _ece(shares: Floats, targets: Ints) -> float:
    right = (shares.argmax(axis=1) == targets).astype(np.int64)
    return calibration(np.asarray(shares.max(axis=1)), right).ece


def _floats(logits: Tensor) -> Floats:
    return np.asarray(logits.double().numpy())
