"""How much a study trains, and what may be asked of it. No torch.

Tier head reads every row once into a cache, and folds and trials are fitted to that: a study of it
trains no more tokens than its model. In the other tiers a row is in the training part of all folds
but one, so `folds` folds train exactly `folds - 1` times what the model trains.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypedDict

from mlworker.engine.tokens import trained_tokens

LEAST_FOLDS, MOST_FOLDS = 2, 10
LEAST_TRIALS, MOST_TRIALS = 2, 200
MOST_RUNS = 4
"""Full runs that a search may end with; tiers lora and full."""
LABEL_TASKS = ("text_classification",)
"""Tasks whose rows have one label each, which trials, label errors and calibration need."""
_TRIALS_PER_RUN = 4


class Pass(TypedDict):
    """What one run reads of its rows."""

    passes: int
    tier: str


def runs_of(tier: str, trials: int) -> int:
    """Full runs of the best few that a search of so many trials wants."""
    if tier == "head" or not trials:
        return 0
    return max(1, min(MOST_RUNS, trials // _TRIALS_PER_RUN))


def folds_tokens(one_pass: int, *, passes: int, tier: str, folds: int) -> int:
    """Tokens that cross-validation trains beside the model."""
    if tier == "head" or not folds:
        return 0
    return (folds - 1) * trained_tokens(one_pass, passes=passes, tier=tier)


def search_tokens(one_pass: int, *, passes: int, tier: str, trials: int, runs: int) -> int:
    """Tokens that a search trains beside the model: one reading into the cache, and full runs."""
    if tier == "head" or not trials:
        return 0
    return one_pass + runs * trained_tokens(one_pass, passes=passes, tier=tier)


def stratified_folds(strata: Iterable[int], folds: int, seed: int) -> list[int]:
    """The fold of each row: every stratum is spread evenly, and folds differ by one row at most."""
    random = Random(f"{seed}/folds")  # noqa: S311 - a repeatable split, not a secret
    places: dict[int, list[int]] = {}
    for row, stratum in enumerate(strata):
        places.setdefault(stratum, []).append(row)
    fold_of = [0] * sum(len(rows) for rows in places.values())
    turn = 0
    for stratum in sorted(places):
        rows = places[stratum]
        random.shuffle(rows)
        for row in rows:
            fold_of[row] = turn % folds
            turn += 1
    return fold_of
