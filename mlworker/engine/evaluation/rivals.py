"""Baselines of tasks whose main figure belongs to all rows together: F1 of sets and spans, R2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.baselines import Baseline
from mlworker.engine.evaluation.counts import Floats
from mlworker.engine.evaluation.significance import randomization_p, verdict_of
from mlworker.engine.evaluation.subject import Subject

METHOD = "approximate_randomization"


@dataclass(frozen=True)
class Judged:
    """Answers to the rows of a report, measured; the figure that decides comes first."""

    figures: Mapping[str, float]
    sums: Floats
    """[R, S]: what each row adds to the figure that decides."""
    worth: Floats
    """[R]: how good each answer is, to tell which of two is better."""


@dataclass(frozen=True)
class Contest:
    """How a task judges answers, its own and those of baselines."""

    judge: Callable[[npt.NDArray[Any]], Judged]
    measure: Callable[[Floats], Floats]
    """Of sums [B, S] the figure that decides [B]; higher is better."""


def rival_parts(
    subject: Subject, contest: Contest, called: npt.NDArray[Any], baselines: Sequence[Baseline]
) -> dict[str, Json]:
    """The parts `baselines` and `comparison` of a report whose model has answered `called`."""
    own = contest.judge(called)
    judged = [(base, contest.judge(base.called)) for base in baselines if base.called is not None]
    figures = {base.name: found.figures for base, found in judged}
    return {
        "baselines": [base.as_dict(figures.get(base.name, {})) for base in baselines],
        "comparison": _comparison(subject, contest, own, judged),
    }


def _comparison(
    subject: Subject, contest: Contest, own: Judged, judged: Sequence[tuple[Baseline, Judged]]
) -> dict[str, Json] | None:
    """The model against the baseline with the best figure; None without any."""
    if not judged:
        return None
    figure = next(iter(own.figures))
    best, theirs = max(judged, key=lambda pair: pair[1].figures[figure])
    p_value = randomization_p(
        own.sums, theirs.sums, contest.measure, seed=subject.seed, between=subject.look
    )
    difference = own.figures[figure] - theirs.figures[figure]
    return {
        "baseline": best.name,
        "figure": figure,
        "difference": difference,
        "model_only": int((own.worth > theirs.worth).sum()),
        "baseline_only": int((own.worth < theirs.worth).sum()),
        **verdict_of(p_value, difference, METHOD),
    }
