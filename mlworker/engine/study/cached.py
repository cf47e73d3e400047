"""Trials on cached features: classifiers of one tier head, judged on rows they have not seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.study.space import BLOCK, PENALTY, SMOOTHING, Asker, cached_space
from mlworker.engine.study.state import finite
from mlworker.engine.training.attention import AttentionTraining
from mlworker.engine.training.classifier import Standardised, classifier_rounds
from mlworker.engine.training.config import TrainConfig
from mlworker.engine.training.evaluate import metrics_of
from mlworker.engine.training.head import BLOCK_PRICE, HeadCache, chosen_rows
from mlworker.engine.training.progress import figures
from mlworker.engine.training.setup import Setup
from mlworker.engine.training.states import TokenStates

_ROUNDS = 3
"""Rounds of each fit: enough to end it. A fit half done would rank trials wrongly, since the first
iterations restrain as a penalty does (measured), so rungs are whole fits."""
_SHARES = 3
"""Rungs without folds: a third of the rows, two thirds, all."""
_FEATURE_BYTES = 256 << 20
"""Pooled features kept between trials; more are pooled again."""


@dataclass(frozen=True)
class _Side:
    """One way to cut the rows: what is learned from, what judges."""

    learned: TokenStates
    targets: Tensor
    judged: TokenStates
    truth: EncodedSplit
    queries: list[Tensor]


class CachedSearch:
    """All trials of a run. With folds a trial is judged by one after the other, else by
    validation rows after learning from more and more of the others."""

    def __init__(
        self, setup: Setup, cache: HeadCache, folds: Sequence[Sequence[int]], fixed: Sequence[str]
    ) -> None:
        self._setup, self._cache = setup, cache
        self._space = cached_space(cache.layers, fixed)
        config = setup.config
        first = {PENALTY: config.head_penalty, SMOOTHING: config.label_smoothing}
        self._asker = Asker(self._space, {**first, BLOCK: cache.layers[0]}, config.seed)
        self._folds = folds
        self._sides: list[_Side] = []
        self._kept: dict[tuple[int, int], tuple[Standardised, Tensor]] = {}
        self._left = _FEATURE_BYTES

    def remember(self, record: dict[str, Any]) -> None:
        """Take back a trial of an earlier attempt."""
        self._asker.remember(record)

    def trial(self, number: int) -> dict[str, Any]:
        """Try one configuration."""
        begun = time.monotonic()
        self._sides = self._sides or list(self._cut())
        trial = self._asker.ask()
        asked = dict(trial.params)
        layer = int(asked.get(BLOCK, self._setup.config.head_block or self._cache.layers[0]))
        place = self._cache.layers.index(layer)
        state, found = "complete", {"loss": float("inf"), "accuracy": 0.0}
        for rung, found in enumerate(self._rungs(place, asked), start=1):
            trial.report(found["loss"] * BLOCK_PRICE**layer, rung)
            if rung < len(self._sides) and trial.should_prune():
                state = "pruned"
                break
        value = found["loss"] * BLOCK_PRICE**layer
        return {
            "number": number,
            "stage": "cached",
            "state": state,
            "params": asked,
            "loss": finite(found["loss"]),
            "accuracy": found["accuracy"],
            "value": value,
            "seconds": round(time.monotonic() - begun, 3),
            **self._asker.tell(trial, state, value),
        }

    def _rungs(self, place: int, asked: dict[str, Any]) -> Iterator[dict[str, float]]:
        """Figures after each side: the mean over folds, or those of the rows learned so far."""
        setup = self._setup
        config: TrainConfig = replace(
            setup.config, label_smoothing=asked.get(SMOOTHING, setup.config.label_smoothing)
        )
        penalty = float(asked.get(PENALTY, config.head_penalty))
        trying = replace(setup, config=config)
        done: list[dict[str, float]] = []
        for index, side in enumerate(self._sides):
            features, heard = self._features(index, place)
            fit = classifier_rounds(trying, features, side.targets, penalty)
            for _ in range(_ROUNDS - 1):
                next(fit)
            logits = next(fit).logits(heard)
            done.append(figures(metrics_of(setup.task, logits, side.truth, setup.labels)))
            yield _mean(done if self._folds else done[-1:])

    def _features(self, index: int, place: int) -> tuple[Standardised, Tensor]:
        known = self._kept.get((index, place))
        if known is not None:
            return known
        side = self._sides[index]
        query = side.queries[place]
        mine = side.learned.features(place, query, range(len(side.learned)))
        found = (
            Standardised.of(mine),
            side.judged.features(place, query, range(len(side.judged))),
        )
        size = 4 * (found[0].scaled.numel() + found[1].numel())
        if size <= self._left:
            self._left -= size
            self._kept[index, place] = found
        return found

    def _cut(self) -> Iterator[_Side]:
        """Sides, each with queries learned from its own rows alone."""
        cache, train = self._cache, self._setup.train
        every = chosen_rows(train, cache.seen)
        if not self._folds:
            whole = self._side(range(len(cache.seen)), cache.validation, cache.heard)
            for share in range(1, _SHARES + 1):
                rows = max(1, len(cache.seen) * share // _SHARES)
                part = whole.learned.part(range(rows), cache.layers)
                yield replace(whole, learned=part, targets=whole.targets[:rows])
            return
        for held in self._folds:
            away = set(held)
            own = [place for place in range(len(cache.seen)) if place not in away]
            judged = cache.train.part(held, cache.layers)
            yield self._side(own, judged, chosen_rows(every, held))

    def _side(self, own: Sequence[int], judged: TokenStates, truth: EncodedSplit) -> _Side:
        cache = self._cache
        targets = chosen_rows(self._setup.train, [cache.seen[place] for place in own]).targets
        learned = cache.train.part(own, cache.layers)
        queries: list[Tensor] = []
        for candidates in AttentionTraining(self._setup, learned, targets).run():
            queries = [each.query for each in candidates]
        return _Side(learned, self._setup.task.tensor(targets), judged, truth, queries)


def _mean(parts: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(part[name] for part in parts) / len(parts) for name in ("loss", "accuracy")}
