"""The base as it came, with a linear classifier: what the fine-tuning itself has added."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from mlworker.engine.base.bert import Bert
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.evaluation.baselines import Baseline
from mlworker.engine.heads import attention_feature
from mlworker.engine.training.classifier import Standardised, classifier_rounds
from mlworker.engine.training.evaluate import collect
from mlworker.engine.training.setup import Setup

NAME = "frozen_base"
_SHARE = 0.1
"""Of the training's own time; what a comparator may take."""
_LEAST, _MOST = 10.0, 60.0
_PROBE = 64
_PART = 256
_MAX_ROWS = 4_000
_ROUNDS = 3


def frozen_base(setup: Setup, bert: Bert, split: EncodedSplit, seconds: float) -> Baseline:
    """Means after two thirds of the blocks, logistic regression; `seconds` the training took."""
    begun = time.monotonic()
    limit = min(_MOST, max(_LEAST, _SHARE * seconds))
    generator = torch.Generator().manual_seed(setup.config.seed)
    order = torch.randperm(len(setup.train), generator=generator)[:_MAX_ROWS].tolist()
    _features(setup, bert, split, range(min(_PROBE, len(split))))
    rate = min(_PROBE, len(split)) / max(time.monotonic() - begun, 1e-6)
    if len(split) / rate > limit / 2:
        return Baseline(NAME, None, skipped="too_slow")
    theirs = _features(setup, bert, split, range(len(split)))
    parts: list[Tensor] = []
    read = 0
    while read < len(order) and (not parts or time.monotonic() - begun < limit):
        part = order[read : read + _PART]
        parts.append(_features(setup, bert, setup.train, part))
        read += len(part)
    targets = torch.tensor([setup.train.targets[row] for row in order[:read]])
    rounds = classifier_rounds(
        setup, Standardised.of(torch.cat(parts)), targets, setup.config.head_penalty
    )
    for _ in range(_ROUNDS - 1):
        next(rounds)
    called = next(rounds).logits(theirs).argmax(dim=1).numpy().astype(np.int64)
    return Baseline(NAME, called, read, time.monotonic() - begun)


def _features(setup: Setup, bert: Bert, split: EncodedSplit, rows: range | list[int]) -> Tensor:
    config = bert.config
    layers = max(1, round(config.num_hidden_layers * 2 / 3))
    query = torch.zeros(config.num_attention_heads, config.hidden_size, device=setup.device)
    return collect(
        [split.ids[row] for row in rows],
        lambda packed: attention_feature(
            bert(packed, layers=layers), packed, query, config.layer_norm_eps
        ),
        setup.pace,
        setup.device,
    )
