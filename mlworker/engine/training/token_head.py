"""Tier head for tasks about tokens: read every row once with the frozen base, fit a linear head.

States of a few candidate blocks are cached; the block whose head has the lowest validation loss is
kept, and its head is fitted to an end with several penalties.
"""

from __future__ import annotations

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
from mlworker.engine.training.progress import FitReports, figures
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.states import TokenStates, cached_rows, candidate_layers

_PARTS = 8
_ROUNDS = 6
_BLOCK_PRICE = 1.02
"""A later block must lower the loss by this factor: it costs more to serve."""
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
        return self.found["loss"] * _BLOCK_PRICE**self.layers


class _Part:
    """Rows of a split whose states are kept, and their targets token by token."""

    def __init__(
        self, setup: Setup, split: EncodedSplit, layers: tuple[int, ...], share: int
    ) -> None:
        places = cached_rows(setup, split, layers, share)
        self.split = EncodedSplit(
            tuple(split.ids[row] for row in places), tuple(split.targets[row] for row in places)
        )
        self.states = TokenStates(setup, self.split.ids, layers)
        self.targets = setup.task.tensor(self.split.targets)
        self.asked = self.targets != IGNORED
        self.ends = torch.tensor([len(row) for row in self.split.ids]).cumsum(0)

    def words(self, place: int, rows: int) -> tuple[Tensor, Tensor]:
        """Float32 features and targets of the words that are asked, of the first rows."""
        end = int(self.ends[rows - 1])
        asked = self.asked[:end]
        return self.states.lines(place)[:end][asked].float(), self.targets[:end][asked]


class TokenHeadRun:
    """One run of the tier; raises EngineError(diverged) when a fit is not finite."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._layers = candidate_layers(setup.bert.config.num_hidden_layers, len(setup.train))
        self._train = _Part(setup, setup.train, self._layers, 1)
        self._validation = _Part(setup, setup.validation, self._layers, 4)
        rows = len(self._train.split)
        self._cuts = torch.arange(rows).tensor_split(max(1, min(_PARTS, rows // 32)))
        self.steps_planned = len(self._cuts) + _ROUNDS
        self._reports = FitReports(setup, rows=rows, steps_planned=self.steps_planned)
        self._penalty = setup.config.head_penalty * WORD_SHARE

    def train(self) -> Trained:
        """The whole tier."""
        setup = self.setup
        setup.link.send(PhaseMessage("encoding"))
        best = self._encode()
        setup.link.send(PhaseMessage("training"))
        best = self._fit(best)
        seconds = setup.pace.seconds
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

    def _encode(self) -> _Candidate:
        """Fill the caches; a first head after each part, of every block at the end."""
        self._validation.states.fill(range(len(self._validation.split)))
        for number, part in enumerate(self._cuts, start=1):
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

    def _fit(self, best: _Candidate) -> _Candidate:
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
        logits = classifier.logits(heard.states.lines(place).float().cpu())
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
