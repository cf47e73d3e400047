"""Answers of a model that never ran."""

import numpy as np

from mlworker.engine.evaluation.predictions import Answers
from mlworker.engine.evaluation.report import Subject


def nothing() -> None:
    """Between the parts of a calculation."""


def answers_of(rows: int, labels: int, *, seed: int = 0, skill: float = 2.0) -> Answers:
    """Random answers that know the label a little."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, labels, rows)
    logits = random.normal(size=(rows, labels)).astype(np.float32)
    logits[np.arange(rows), targets] += skill
    shares = np.exp(logits)
    shares /= shares.sum(1, keepdims=True)
    return Answers(np.arange(rows, dtype=np.int64), targets.astype(np.int64), shares)


def subject_of(rows: int, labels: int, *, split: str = "test", seed: int = 0) -> Subject:
    """All that a report needs."""
    random = np.random.default_rng(seed + 1)
    return Subject(
        answers=answers_of(rows, labels, seed=seed),
        labels=tuple(f"label {number}" for number in range(labels)),
        split=split,
        lengths=random.integers(5, 400, rows).astype(np.int64),
        cut=np.zeros(rows, dtype=np.int64),
        seed=0,
    )
