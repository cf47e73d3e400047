"""What was said of each text, whatever shape the caller got it in."""

from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any, Final

from mlworker.engine.tasks import task_named
from mlworker.serving.gateway.answers import Sources, rows_of
from mlworker.serving.gateway.models import Choice
from mlworker.serving.protocol import Answer
from mlworker.serving.shaping import Decisions

SCORES_SAID: Final = 10
"""Of models with more labels, the best are told."""


def answers_said(
    choice: Choice,
    decisions: Decisions,
    *,
    items: int,
    answer: Answer,
    sources: Sources,
    threshold: float | None,
) -> Iterator[Mapping[str, Any]]:
    """Yield the answers in order: the task's own fields, with the deployment's labels and rules."""
    servable, shape = choice.servable, choice.shape
    task = task_named(servable.task)
    rows = iter(zip(rows_of(answer), repeat(None) if sources is None else sources, strict=False))
    labels = servable.labels if shape is None else shape.labels
    for index in range(items):
        rule = decisions.before.get(index)
        if rule is not None and shape is not None:
            yield shape.decided(rule)
            continue
        row, source = next(rows)
        found = task.prediction(row, labels, source=source, top_k=SCORES_SAID, threshold=threshold)
        yield found if shape is None else shape.finished(found, decisions.after.get(index, ()))
