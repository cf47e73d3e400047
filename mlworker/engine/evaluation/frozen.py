"""The base as it came, with a linear model: what the fine-tuning itself has added."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.evaluation.baselines import Baseline
from mlworker.engine.evaluation.subject import Subject
from mlworker.engine.heads import attention_feature
from mlworker.engine.tasks.base import IGNORED
from mlworker.engine.training.classifier import (
    WORD_SHARE,
    Classifier,
    Standardised,
    classifier_rounds,
)
from mlworker.engine.training.evaluate import collect
from mlworker.engine.training.setup import Setup

NAME = "frozen_base"
_SHARE = 0.1
"""Of the training's own time; what a comparator may take."""
_LEAST, _MOST = 10.0, 60.0
_PROBE = 64
_PART = 256
_MAX_ROWS = 4_000
_MAX_WORDS = 50_000
_ROUNDS = 3


def frozen_base(subject: Subject, called: Callable[[Tensor], npt.NDArray[Any]]) -> Baseline:
    """What the frozen base answers; `called` reads its logits."""
    logits, rows, seconds = _answers(subject)
    if logits is None:
        return Baseline(NAME, None, skipped="too_slow")
    return Baseline(NAME, called(logits), rows, seconds)


def _answers(subject: Subject) -> tuple[Tensor | None, int, float]:
    """(logits of the rows that are reported, training rows, seconds); no logits where too slow.

    Means after two thirds of the blocks, or each word's own state there.
    """
    trained = subject.trained
    if trained.frozen_logits is not None:
        return trained.frozen_logits, trained.frozen_rows, 0.0
    setup, split, begun = subject.setup, subject.split, time.monotonic()
    limit = math.inf if subject.patient else min(_MOST, max(_LEAST, _SHARE * trained.seconds))
    probe = min(_PROBE, len(split))
    _features(setup, subject.bert, split, range(probe))
    expected = len(split) / probe * max(time.monotonic() - begun, 1e-6)
    if expected > limit / 2:
        return None, 0, 0.0
    classifier, read = _fitted(setup, subject.bert, begun + limit - expected)
    parts = [
        classifier.logits(_features(setup, subject.bert, split, rows))
        for rows in _pieces(range(len(split)))
    ]
    return torch.cat(parts), read, time.monotonic() - begun


def _fitted(setup: Setup, bert: Bert, end: float) -> tuple[Classifier, int]:
    """A linear model of as many training rows as are read until then, and how many they were."""
    generator = torch.Generator().manual_seed(setup.config.seed)
    order = torch.randperm(len(setup.train), generator=generator)[:_MAX_ROWS].tolist()
    parts: list[Tensor] = []
    targets: list[Tensor] = []
    read = lines = 0
    for rows in _pieces(order):
        if parts and (time.monotonic() > end or lines > _MAX_WORDS):
            break
        features = _features(setup, bert, setup.train, rows)
        wanted = setup.task.tensor([setup.train.targets[row] for row in rows])
        if setup.task.level == "token":
            asked = wanted != IGNORED
            features, wanted = features[asked], wanted[asked]
        parts.append(features)
        targets.append(wanted)
        read, lines = read + len(rows), lines + len(features)
    share = WORD_SHARE if setup.task.level == "token" else 1.0
    rounds = classifier_rounds(
        setup,
        Standardised.of(torch.cat(parts)),
        torch.cat(targets),
        setup.config.head_penalty * share,
    )
    for _ in range(_ROUNDS - 1):
        next(rounds)
    return next(rounds), read


def _pieces(rows: Sequence[int]) -> list[Sequence[int]]:
    return [rows[start : start + _PART] for start in range(0, len(rows), _PART)]


def _features(setup: Setup, bert: Bert, split: EncodedSplit, rows: Sequence[int]) -> Tensor:
    """[R, H], or at level "token" [T, H]."""
    config, level = bert.config, setup.task.level
    layers = max(1, round(config.num_hidden_layers * 2 / 3))
    query = torch.zeros(config.num_attention_heads, config.hidden_size, device=setup.device)

    def forward(packed: PackedRows) -> Tensor:
        states: Tensor = bert(packed, layers=layers)
        if level == "token":
            return states
        return attention_feature(states, packed, query, config.layer_norm_eps)

    return collect([split.ids[row] for row in rows], forward, setup.pace, setup.device, level)
