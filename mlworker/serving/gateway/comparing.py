"""What two models say of the same rows: do they agree, and by how much do they differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Source
from mlworker.engine.tasks.multi_label_classification import THRESHOLD
from mlworker.serving.tallying import Tally


@dataclass(frozen=True, slots=True)
class Said:
    """What one model says of a row."""

    values: Sequence[float]
    labels: Sequence[str]
    source: Source | None = None


def row_compare(tally: Tally, task: str, main: Said, shadow: Said) -> None:
    """Count what the shadow says of a row beside the main model."""
    match task:
        case "text_classification":
            _one_label(tally, main, shadow)
        case "multi_label_classification":
            _several_labels(tally, main, shadow)
        case "token_classification":
            _spans(tally, main, shadow)
        case _:
            _differ(tally, shadow.values[0] - main.values[0])


def _one_label(tally: Tally, main: Said, shadow: Said) -> None:
    (score, before), (other, after) = (
        max(zip(side.values, side.labels, strict=True)) for side in (main, shadow)
    )
    _agree(tally, before == after)
    if before != after:
        tally.changed(before, after)
    _differ(tally, other - score)


def _several_labels(tally: Tally, main: Said, shadow: Said) -> None:
    scores, others = (dict(zip(side.labels, side.values, strict=True)) for side in (main, shadow))
    before = {label for label, score in scores.items() if score >= THRESHOLD}
    after = {label for label, score in others.items() if score >= THRESHOLD}
    _agree(tally, before == after)
    for label in before - after:
        tally.changed(label, None)
    for label in after - before:
        tally.changed(None, label)
    both = scores.keys() & others.keys()
    _differ(tally, sum(others[each] - scores[each] for each in both) / max(1, len(both)))


def _spans(tally: Tally, main: Said, shadow: Said) -> None:
    predict = task_named("token_classification").prediction
    found: list[set[tuple[Any, ...]]] = []
    for side in (main, shadow):
        entities: Any = predict(side.values, side.labels, source=side.source)["entities"]
        found.append({(each["start"], each["end"], each["label"]) for each in entities})
    before, after = found
    _agree(tally, before == after)
    for *_, label in before - after:
        tally.changed(label, None)
    for *_, label in after - before:
        tally.changed(None, label)
    _differ(tally, _mean(shadow.values[1::2]) - _mean(main.values[1::2]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _agree(tally: Tally, same: bool) -> None:
    tally.judged += 1
    tally.agreed += same


def _differ(tally: Tally, difference: float) -> None:
    tally.compared += 1
    if not math.isfinite(difference):  # weights that give no numbers are seen in the answers
        return
    tally.difference += difference
    tally.difference_absolute += abs(difference)
