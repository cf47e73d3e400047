"""Temperature and thresholds from out-of-fold logits. numpy alone."""

from __future__ import annotations

import numpy as np

from mlworker.engine.study.confident import Floats, Ints

_LOW, _HIGH = 0.05, 20.0
_STEPS = 60
_GOLDEN = (5**0.5 - 1) / 2


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Scores [R, C] of logits."""
    scaled = logits / temperature
    shifted = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def log_loss(logits: Floats, targets: Ints, temperature: float = 1.0) -> float:
    """Mean negative log likelihood of the targets."""
    scaled = logits / temperature
    top = scaled.max(axis=1, keepdims=True)
    whole = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
    return float((whole - scaled[np.arange(len(targets)), targets]).mean())


def fit_temperature(logits: Floats, targets: Ints) -> float:
    """The temperature of the lowest log loss.

    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
    section 4.2. The loss has one minimum in 1 / temperature, so a golden-section search on the
    logarithm finds it.
    """
    low, high = np.log(_LOW), np.log(_HIGH)
    for _ in range(_STEPS):
        span = _GOLDEN * (high - low)
        left, right = high - span, low + span
        if log_loss(logits, targets, np.exp(left)) <= log_loss(logits, targets, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def best_thresholds(probabilities: Floats, targets: Ints) -> list[dict[str, float] | None]:
    """For each label the score from which calling it gives the best F1; None without a row.

    Every score that occurs is tried; of equally good ones the highest is taken.
    """
    found: list[dict[str, float] | None] = []
    for label in range(probabilities.shape[1]):
        mine = targets == label
        total = int(mine.sum())
        if not total:
            found.append(None)
            continue
        scores = probabilities[:, label]
        order = np.argsort(-scores, kind="stable")
        hits = np.cumsum(mine[order])
        called = np.arange(1, len(order) + 1)
        # a threshold takes in all rows of its score: only the last of equal scores is a real cut
        ends = np.append(scores[order][1:] != scores[order][:-1], True)
        f1 = np.where(ends, 2 * hits / (called + total), -1.0)
        best = int(f1.argmax())
        found.append(
            {
                "threshold": float(scores[order][best]),
                "f1": float(f1[best]),
                "precision": float(hits[best] / called[best]),
                "recall": float(hits[best] / total),
            }
        )
    return found
