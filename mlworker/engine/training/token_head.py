"""Tier head for tasks about tokens: read every row once with the frozen base, fit a linear head.

States of a few candidate blocks are cached; the block whose head has the lowest validation loss is
kept, and its head is fitted to an end with several penalties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.contracts import PhaseMessage
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.heads import Pooling
from mlworker.engine.tasks.base import IGNORED
from mlworker.engine.training.classifier import (
    WORD_SHARE,
    Classifier,
    Standardised,
    classifier_rounds,
)
from mlworker.engine.training.evaluate import collect, metrics_of
from mlworker.engine.training.head import BLOCK_PRICE, HeadCache, chosen_rows
from mlworker.engine.training.progress import FitReports, figures
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.states import TokenStates, token_places

_PARTS = 8
_ROUNDS = 6
_PENALTIES = (1 / 3, 1.0, 3.0)
"""Times `head_penalty`."""


@dataclass(frozen=True)
class _Candidate:
    """A model the tier may leave, with its figures on the validation rows."""

    layers: int
    classifier: Classifier
    found: dict[str, float]

    @property
    def cost(self) -> float:
        """Validation loss, and a little for every block that serving would have to compute."""
        return self.found["loss"] * BLOCK_PRICE**self.layers


class _Part:
    """Rows of a split whose states are kept, and their targets token by token."""

    def __init__(self, setup: Setup, split: EncodedSplit, states: TokenStates) -> None:
        self.split, self.states = split, states
        self.tokens = states.tokens()
        self._targets = setup.task.tensor(split.targets)
        self._asked = self._targets != IGNORED
        self._ends = torch.tensor(states.lengths).cumsum(0)

    def words(self, place: int, rows: int) -> tuple[Tensor, Tensor]:
        """Features and targets of the words that are asked, of the first rows."""
        end = int(self._ends[rows - 1])
        asked = self._asked[:end]
        return self.states.lines(place, self.tokens[:end][asked]), self._targets[:end][asked]


class TokenHeadRun:
    """One run of the tier; raises EngineError(diverged) when a fit is not finite.

    A study gives it the `cache` it has filled, and for a fold the places in it to learn from.
    """

    def __init__(
        self,
        setup: Setup,
        cache: HeadCache | None = None,
        places: Sequence[int] | None = None,
    ) -> None:
        self.setup = setup
        shared = cache is not None
        cache = cache or HeadCache(setup)
        self._layers = cache.layers
        own = range(len(cache.seen)) if places is None else places
        learned = chosen_rows(setup.train, [cache.seen[place] for place in own])
        self._train = _Part(setup, learned, cache.train.part(own, cache.layers))
        self._validation = _Part(setup, cache.heard, cache.validation)
        rows = len(learned)
        parts = 1 if shared else max(1, min(_PARTS, rows // 32))
        self._cuts = torch.arange(rows).tensor_split(parts)
        self.steps_planned = len(self._cuts) + _ROUNDS
        self._reports = FitReports(setup, rows=rows, steps_planned=self.steps_planned)
        self._penalty = setup.config.head_penalty * WORD_SHARE

    def train(self) -> Trained:
        """The whole tier."""
        setup = self.setup
        best = self._fit()
        seconds = setup.start.seconds + setup.pace.seconds
        setup.link.send(PhaseMessage("evaluating"))
        return Trained(
            pooling=Pooling("token", best.layers),
            tensors={"head.weight": best.classifier.weight, "head.bias": best.classifier.bias},
            steps=self.steps_planned,
            steps_planned=self.steps_planned,
            epochs=1.0,
            early_stopped=False,
            trained_tokens=setup.planned_tokens,
            seconds=seconds,
            rows_read=len(setup.train),
            validation_logits=self._logits(best, setup.validation),
            test_logits=None if setup.test is None else self._logits(best, setup.test),
        )

    def fold(self, cache: HeadCache, places: Sequence[int | None], split: EncodedSplit) -> Tensor:
        """Train, and say what the model makes of held-out rows: logits [T, C].

        `places` says where in the cache each row lies; rows without a place are read.
        """
        best = self._fit()
        lengths = [len(row) for row in split.ids]
        logits = torch.empty(sum(lengths), best.classifier.weight.shape[0])
        kept = [row for row, place in enumerate(places) if place is not None]
        away = [row for row, place in enumerate(places) if place is None]
        if kept:
            states = cache.train.part(
                [place for place in places if place is not None], (best.layers,)
            )
            found = best.classifier.logits(states.lines(0, states.tokens()))
            logits[token_places(lengths, kept)] = found
        if away:
            logits[token_places(lengths, away)] = self._logits(best, chosen_rows(split, away))
        return logits

    def _fit(self) -> _Candidate:
        setup = self.setup
        setup.link.send(PhaseMessage("encoding"))
        best = self._encode()
        setup.link.send(PhaseMessage("training"))
        return self._refit(best)

    def _encode(self) -> _Candidate:
        """Fill the caches; a first head after each part, of every block at the end."""
        if not self._validation.states.filled:
            self._validation.states.fill(range(len(self._validation.split)))
        for number, part in enumerate(self._cuts, start=1):
            if not self._train.states.filled:
                self._train.states.fill(part.tolist())
            self._reports.read = int(part[-1]) + 1
            places = range(len(self._layers)) if number == len(self._cuts) else range(1)
            best = min((self._first(place) for place in places), key=lambda each: each.cost)
            self._report(best)
        return best

    def _first(self, place: int) -> _Candidate:
        features, targets = self._train.words(place, self._reports.read)
        rounds = classifier_rounds(self.setup, Standardised.of(features), targets, self._penalty)
        return self._candidate(place, next(rounds))

    def _refit(self, best: _Candidate) -> _Candidate:
        """Fit heads of several penalties on the best block."""
        place = self._layers.index(best.layers)
        features, targets = self._train.words(place, len(self._train.split))
        standard = Standardised.of(features)
        del features
        fits = [
            classifier_rounds(self.setup, standard, targets, self._penalty * factor)
            for factor in _PENALTIES
        ]
        for _ in range(_ROUNDS):
            found = [self._candidate(place, next(fit)) for fit in fits]
            best = min(best, *found, key=lambda each: each.cost)
            self._report(best)
        return best

    def _candidate(self, place: int, classifier: Classifier) -> _Candidate:
        setup, heard = self.setup, self._validation
        logits = classifier.logits(heard.states.lines(place, heard.tokens))
        found = figures(metrics_of(setup.task, logits, heard.split, setup.labels))
        return _Candidate(self._layers[place], classifier, found)

    def _logits(self, model: _Candidate, split: EncodedSplit) -> Tensor:
        setup = self.setup
        weight = model.classifier.weight.to(setup.device)
        bias = model.classifier.bias.to(setup.device)

        def forward(packed: PackedRows) -> Tensor:
            hidden: Tensor = setup.bert(packed, layers=model.layers)
            return hidden.float() @ weight.t() + bias

        return collect(split.ids, forward, setup.pace, setup.device, "token")

    def _report(self, best: _Candidate) -> None:
        self._reports.send(best.classifier.train_loss, best.found)
