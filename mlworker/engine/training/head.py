"""Tier head: read every row once with the frozen base, learn where to look, fit a classifier.

States of a few candidate blocks are cached. A classifier on their means is fitted while rows are
read; then attention queries are learned on the cache; at the best block a last classifier is fitted
to the attended features. The candidate with the lowest validation loss wins, means included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.contracts import PhaseMessage
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.heads import QUERY, Pooling, attention_feature
from mlworker.engine.training.attention import AttentionTraining, Learned
from mlworker.engine.training.classifier import Classifier, Standardised, classifier_rounds
from mlworker.engine.training.evaluate import collect, metrics_of
from mlworker.engine.training.progress import FitReports, figures
from mlworker.engine.training.setup import Setup, Trained
from mlworker.engine.training.states import (
    TokenStates,
    cached_rows,
    candidate_layers,
)

_ROUNDS = 6
"""Reports of the last fit."""
_PARTS = 8
"""Parts the rows are read in; after each, what is there is fitted for the curve."""
_PART_ROWS = 32
BLOCK_PRICE = 1.02
"""A later block must lower the loss by this factor: it costs more to serve, and losses on about a
thousand validation rows differ by as much when the rows are drawn anew (measured)."""
_PENALTIES = (1.0, 1 / 3, 3.0)
"""Times `head_penalty`: two labels want more of it than seventy (measured)."""


@dataclass(frozen=True)
class _Candidate:
    """A model the tier may leave, with its figures on the validation rows."""

    layers: int
    query: Tensor
    classifier: Classifier
    found: dict[str, float]


class HeadCache:
    """States of the rows that tier head learns from and is judged by, in memory once."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        depth, chosen = setup.bert.config.num_hidden_layers, setup.config.head_block
        self.layers = (chosen,) if chosen else candidate_layers(depth, len(setup.train))
        self.seen = cached_rows(setup, setup.train, self.layers, 1)
        judges = cached_rows(setup, setup.validation, self.layers, 4)
        self.train = TokenStates(setup, chosen_rows(setup.train, self.seen).ids, self.layers)
        self.heard = chosen_rows(setup.validation, judges)
        self.validation = TokenStates(setup, self.heard.ids, self.layers)


class HeadRun:
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
        config = setup.bert.config
        self._shared = cache is not None
        cache = cache or HeadCache(setup)
        self._layers = (setup.config.head_block,) if setup.config.head_block else cache.layers
        self._places = range(len(self._layers))
        self._means = torch.zeros(
            config.num_attention_heads, config.hidden_size, device=setup.device
        )
        own = range(len(cache.seen)) if places is None else places
        self._seen = [cache.seen[place] for place in own]
        self._train = cache.train.part(own, self._layers)
        self._heard = cache.heard
        self._validation = cache.validation.part(range(len(self._heard)), self._layers)
        targets = chosen_rows(setup.train, self._seen).targets
        self._targets = setup.task.tensor(targets)
        self._attention = AttentionTraining(setup, self._train, targets)
        self._parts = list(torch.arange(len(self._seen)).tensor_split(self._cuts()))
        # what is in no cache is read for the model alone, not for each fold of a study
        rest = sorted(set(range(len(setup.train))) - set(self._seen)) if places is None else []
        self._rest = [rest[start::_PARTS] for start in range(min(_PARTS, len(rest)))]
        self.steps_planned = len(self._parts) + self._attention.epochs + len(self._rest) + _ROUNDS
        self._reports = FitReports(setup, rows=len(setup.train), steps_planned=self.steps_planned)

    def fold(self, cache: HeadCache, places: Sequence[int | None], split: EncodedSplit) -> Tensor:
        """Train, and say what the model makes of held-out rows: logits [R, C].

        `places` says where in the cache each row lies; rows without a place are read.
        """
        best, _ = self._fit()
        logits = torch.empty(len(split), best.classifier.weight.shape[0])
        kept = [row for row, place in enumerate(places) if place is not None]
        away = [row for row, place in enumerate(places) if place is None]
        if kept:
            states = cache.train.part(
                [place for place in places if place is not None], (best.layers,)
            )
            found = states.features(0, best.query, range(len(kept)))
            logits[torch.tensor(kept)] = best.classifier.logits(found)
        if away:
            logits[torch.tensor(away)] = self._logits(best, chosen_rows(split, away))
        return logits

    def _fit(self) -> tuple[_Candidate, _Candidate]:
        """The best model, and the best one on plain means."""
        setup = self.setup
        setup.link.send(PhaseMessage("encoding"))
        plain = best = self._encode()
        setup.link.send(PhaseMessage("training"))
        learned: list[_Candidate] = []
        for candidates in self._attention.run():
            learned += [self._judged(each) for each in candidates]
            best = min(best, *learned, key=_cost)
            self._report(best)
        # Trained together with its query, a classifier is not yet at its best: it is refitted.
        return self._refit(min(learned, key=_cost), best), plain

    def train(self) -> Trained:
        """The whole tier."""
        setup = self.setup
        best, plain = self._fit()
        seconds = setup.start.seconds + setup.pace.seconds
        setup.link.send(PhaseMessage("evaluating"))
        validation = test = None
        # The plain means cost no pass of their own: they are read off beside the model's features.
        if setup.test is None:
            validation, frozen = self._logits_beside(best, plain, setup.validation)
        else:
            test, frozen = self._logits_beside(best, plain, setup.test)
        return Trained(
            pooling=Pooling("attention", best.layers),
            tensors={
                "head.weight": best.classifier.weight,
                "head.bias": best.classifier.bias,
                QUERY: best.query.cpu(),
            },
            steps=self.steps_planned,
            steps_planned=self.steps_planned,
            epochs=1.0,
            early_stopped=False,
            trained_tokens=setup.planned_tokens,
            seconds=seconds,
            rows_read=len(setup.train),
            validation_logits=(
                self._logits(best, setup.validation) if validation is None else validation
            ),
            test_logits=test,
            frozen_logits=frozen,
            frozen_rows=len(self._seen),
        )

    def _cuts(self) -> int:
        return 1 if self._shared else max(1, min(_PARTS, len(self._seen) // _PART_ROWS))

    def _encode(self) -> _Candidate:
        """Fill the caches; the best classifier on means after each part is reported."""
        judges = range(len(self._validation))
        if not self._validation.filled:
            self._validation.fill(judges)
        heard = [self._validation.features(k, self._means, judges) for k in self._places]
        means = torch.empty(len(self._layers), len(self._seen), self._means.shape[1])
        for part in self._parts:
            rows = part.tolist()
            if not self._train.filled:
                self._train.fill(rows)
            for place in self._places:
                means[place, part] = self._train.features(place, self._means, rows)
            seen = slice(0, rows[-1] + 1)
            self._reports.read = seen.stop
            fits = [
                self._mean_fit(place, means[place, seen], self._targets[seen], heard[place])
                for place in self._places
            ]
            best = min(fits, key=_cost)
            self._report(best)
        return best

    def _mean_fit(self, place: int, features: Tensor, targets: Tensor, heard: Tensor) -> _Candidate:
        penalty = self.setup.config.head_penalty
        rounds = classifier_rounds(self.setup, Standardised.of(features), targets, penalty)
        classifier = next(rounds)
        return self._candidate(self._layers[place], self._means, classifier, heard)

    def _judged(self, learned: Learned) -> _Candidate:
        heard = self._validation.features(
            learned.place, learned.query, range(len(self._validation))
        )
        layers = self._layers[learned.place]
        return self._candidate(layers, learned.query, learned.classifier, heard)

    def _refit(self, learned: _Candidate, best: _Candidate) -> _Candidate:
        """Fit classifiers of several penalties to all rows as the learned query sees them."""
        setup = self.setup
        layers, query = learned.layers, learned.query
        place = self._layers.index(layers)
        parts = [self._train.features(place, query, range(len(self._train)))]
        targets = [self._targets]
        for part in self._rest:
            others = chosen_rows(setup.train, part)
            parts.append(self._features(learned, others))
            targets.append(setup.task.tensor(others.targets))
            self._reports.read += len(part)
            self._report(best)
        features = Standardised.of(torch.cat(parts))
        del parts
        heard = self._validation.features(place, query, range(len(self._validation)))
        penalties = {setup.config.head_penalty * factor for factor in _PENALTIES}
        fits = [
            classifier_rounds(setup, features, torch.cat(targets), penalty)
            for penalty in sorted(penalties)
        ]
        for _ in range(_ROUNDS):
            found = [self._candidate(layers, query, next(fit), heard) for fit in fits]
            best = min(best, *found, key=_cost)
            self._report(best)
        return best

    def _candidate(
        self, layers: int, query: Tensor, classifier: Classifier, heard: Tensor
    ) -> _Candidate:
        setup = self.setup
        logits = classifier.logits(heard)
        found = figures(metrics_of(setup.task, logits, self._heard, setup.labels))
        return _Candidate(layers, query, classifier, found)

    def _features(self, model: _Candidate, split: EncodedSplit) -> Tensor:
        """Features [R, H] of rows that are in no cache."""
        bert = self.setup.bert
        return collect(
            split.ids,
            lambda packed: attention_feature(
                bert(packed, layers=model.layers), packed, model.query, bert.config.layer_norm_eps
            ),
            self.setup.pace,
            self.setup.device,
        )

    def _logits(self, model: _Candidate, split: EncodedSplit) -> Tensor:
        return model.classifier.logits(self._features(model, split))

    def _logits_beside(
        self, model: _Candidate, plain: _Candidate, split: EncodedSplit
    ) -> tuple[Tensor, Tensor]:
        """Logits of two candidates from one reading of the rows."""
        bert = self.setup.bert
        eps = bert.config.layer_norm_eps
        layers = tuple(sorted({model.layers, plain.layers}))

        def both(packed: PackedRows) -> Tensor:
            states = dict(zip(layers, bert.states(packed, layers), strict=True))
            found = [
                attention_feature(states[each.layers], packed, each.query, eps)
                for each in (model, plain)
            ]
            return torch.stack(found, dim=1)

        features = collect(split.ids, both, self.setup.pace, self.setup.device)
        return model.classifier.logits(features[:, 0]), plain.classifier.logits(features[:, 1])

    def _report(self, best: _Candidate) -> None:
        self._reports.send(best.classifier.train_loss, best.found)


def chosen_rows(split: EncodedSplit, rows: Sequence[int]) -> EncodedSplit:
    """Some rows of a split, in the order given."""
    return EncodedSplit(
        tuple(split.ids[row] for row in rows), tuple(split.targets[row] for row in rows)
    )


def _cost(candidate: _Candidate) -> float:
    """Validation loss, and a little for every block that serving would have to compute."""
    return candidate.found["loss"] * BLOCK_PRICE**candidate.layers
