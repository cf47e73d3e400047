"""The baseline that knows no language model: TF-IDF of words and pairs, a linear model.

Weights as in scikit-learn's `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)`; and
`LogisticRegression(C=1.0)`, one of them for each label where a row may have several, or
`Ridge(alpha=1.0)` of scaled numbers. Written here because scikit-learn and SciPy are 130 MB that
nothing else needs, and because this one can be stopped between two steps.
"""

from __future__ import annotations

import itertools
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

MAX_FEATURES = 50_000
_MAX_WEIGHTS = 2_000_000
"""Features times outputs."""
_ROUND = 10
_MAX_ROUNDS = 10
_CHUNK = 2_000
_COMMON_ROWS = 200
"""From so many rows on, a term of one row alone is left out."""
# One letter of a script without spaces is a word of its own, so that pairs are what has meaning.
_LONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_LONE}]|[^\W{_LONE}]+")


Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Goal:
    """What the linear model learns: its loss, a mean over rows, and how its weights are held."""

    loss: Loss
    dtype: torch.dtype
    penalty: float
    """Of the squared weights, beside the sum of the rows' losses."""


CLASS: Final = Goal(F.cross_entropy, torch.int64, 0.5)
"""One label of several."""
TWO: Final = replace(CLASS, penalty=1.0)
"""One label of two: as one weight vector, w1 - w0, they have twice the penalty of both apart."""
LABELS: Final = Goal(
    lambda logits, wanted: (
        F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(dim=1).mean()
    ),
    torch.float32,
    0.5,
)
"""Any number of labels: a model for each."""
NUMBER: Final = Goal(
    lambda logits, wanted: (logits[:, 0] - wanted).square().mean(), torch.float32, 1.0
)
"""A scaled number."""


@dataclass(frozen=True)
class TfIdf:
    """A fitted baseline."""

    places: Mapping[str, int]
    idf: Tensor
    weight: Tensor
    bias: Tensor
    converged: bool

    def logits(self, texts: Sequence[str], between: Callable[[], None]) -> Tensor:
        """[R, C]; of a number [R, 1]."""
        found: list[Tensor] = []
        for start in range(0, len(texts), _CHUNK):
            part = _bags(texts[start : start + _CHUNK], self.places, self.idf)
            found.append(part.weighted(self.weight) + self.bias)
            between()
        return torch.cat(found)


def fit_tfidf(
    texts: Sequence[str],
    targets: Sequence[object],
    outputs: int,
    *,
    goal: Goal,
    seconds: float,
    between: Callable[[], None],
) -> TfIdf | None:
    """Fit until converged or `seconds` are over, whichever is first; None if no text has a word."""
    end = time.monotonic() + seconds
    frequency: Counter[str] = Counter()
    for number, text in enumerate(texts):
        frequency.update(set(_terms(text)))
        if number % _CHUNK == 0:
            between()
    least = 2 if len(texts) >= _COMMON_ROWS else 1
    most = max(100, min(MAX_FEATURES, _MAX_WEIGHTS // outputs))
    # by name among equals, so that the same rows give the same model
    ranked = sorted(frequency.items(), key=lambda pair: (-pair[1], pair[0]))
    chosen = [pair for pair in ranked[:most] if pair[1] >= least] or ranked[:most]
    places = {term: place for place, (term, _) in enumerate(chosen)}
    if not chosen:
        return None
    counts = torch.tensor([count for _, count in chosen], dtype=torch.float32)
    idf = ((1 + len(texts)) / (1 + counts)).log() + 1
    rows = _bags(texts, places, idf)
    weight = torch.zeros(len(places), outputs, requires_grad=True)
    bias = torch.zeros(outputs, requires_grad=True)
    wanted = torch.tensor(targets, dtype=goal.dtype)
    converged = _fit(rows, wanted, goal, weight, bias, end, between)
    return TfIdf(places, idf, weight.detach(), bias.detach(), converged)


def _fit(
    rows: _Bags,
    targets: Tensor,
    goal: Goal,
    weight: Tensor,
    bias: Tensor,
    end: float,
    between: Callable[[], None],
) -> bool:
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ROUND, history_size=10, line_search_fn="strong_wolfe"
    )
    penalty = goal.penalty / len(targets)

    def closure() -> Tensor:
        optimizer.zero_grad()
        data = goal.loss(rows.weighted(weight) + bias, targets)
        loss = data + penalty * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        between()
        return loss

    before = math.inf
    for _ in range(_MAX_ROUNDS):
        step: Callable[[Callable[[], Tensor]], Tensor] = optimizer.step
        loss = float(step(closure).detach())
        if before - loss < 1e-4 * max(1.0, abs(loss)):
            return True
        if time.monotonic() > end:
            return False
        before = loss
    return False


@dataclass(frozen=True)
class _Bags:
    """Rows as weighted terms: of each row a run of `terms`, beginning at `starts`."""

    terms: Tensor
    weights: Tensor
    starts: Tensor

    def weighted(self, weight: Tensor) -> Tensor:
        """Rows [R, V] times weight [V, C], without ever making the rows dense."""
        return F.embedding_bag(
            self.terms, weight, self.starts, mode="sum", per_sample_weights=self.weights
        )


def _bags(texts: Sequence[str], places: Mapping[str, int], idf: Tensor) -> _Bags:
    terms: list[int] = []
    tf: list[float] = []
    starts: list[int] = []
    for text in texts:
        starts.append(len(terms))
        counted = Counter(place for term in _terms(text) if (place := places.get(term)) is not None)
        terms += counted.keys()
        tf += [1 + math.log(count) for count in counted.values()]
    which = torch.tensor(terms, dtype=torch.int64)
    begins = torch.tensor(starts, dtype=torch.int64)
    weights = torch.tensor(tf, dtype=torch.float32) * idf[which]
    ends = torch.cat((begins[1:], torch.tensor([len(terms)])))
    row = torch.repeat_interleave(torch.arange(len(texts)), ends - begins)
    squares = torch.zeros(len(texts)).index_add_(0, row, weights.square())
    return _Bags(which, weights / squares.sqrt().clamp(min=1e-12)[row], begins)


def _terms(text: str) -> list[str]:
    words = _WORD.findall(text.lower())
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]
