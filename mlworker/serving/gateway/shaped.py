"""Bodies of answers that a deployment shapes: its names, its threshold, its rules."""

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any
from uuid import UUID

import msgspec

from mlworker.engine.tasks import task_named
from mlworker.serving.gateway.answers import Render, Sources, prediction_id, rows_of
from mlworker.serving.gateway.http import json_encode, json_part
from mlworker.serving.protocol import Answer
from mlworker.serving.shaping import Decisions, Shape

Found = dict[str, Any]


def shaped_classify_render(
    *,
    model: str,
    shape: Shape,
    decisions: Decisions,
    event_ids: list[UUID],
    top_k: int | None,
    threshold: float | None,
    usage: dict[str, int],
    sources: Sources = None,
    first: int = 0,
) -> Render:
    """Return what renders the body of `POST /v1/classify` as the deployment wants it."""
    predict = task_named(shape.task).prediction

    def render(answer: Answer) -> bytes:
        rows = _rows(answer, sources)
        data = []
        for index, event_id in enumerate(event_ids):
            rule = decisions.before.get(index)
            if rule is not None:
                found = shape.decided(rule)
            else:
                row, source = next(rows)
                said = predict(row, shape.labels, source=source, top_k=top_k, threshold=threshold)
                found = shape.finished(said, decisions.after.get(index, ()))
            named = shape.named(found)
            row_named = {"index": first + index, "id": prediction_id(event_id), **named}
            data.append(json_part(row_named))
        _ended(rows)
        return json_encode({"object": "list", "model": model, "data": data, "usage": usage})

    return render


def shaped_pipeline_render(
    *,
    shape: Shape,
    decisions: Decisions,
    items: int,
    top_k: int | None,
    sources: Sources = None,
    alone: bool = False,
) -> Render:
    """Return what renders a pipeline's body with the deployment's labels and rules.

    Stock clients know the fields of this shape, so these keep their names, and no threshold.
    """
    task = task_named(shape.task)

    def render(answer: Answer) -> bytes:
        rows = _rows(answer, sources)
        data: list[msgspec.Raw] = []
        for index in range(items):
            rule = decisions.before.get(index)
            if rule is None:
                row, source = next(rows)
                said: list[Any] = task.pipeline(row, shape.labels, source=source, top_k=top_k)
                later = decisions.after.get(index, ())
                best = said[0]["label"] if later else None
                rule = next((each for each in later if each.if_label in (None, best)), None)
            if rule is None:
                data.append(json_part(said))
            else:
                told = {"label": rule.label, "score": 1.0, "rule": rule.name}
                data.append(json_part([told]))
        _ended(rows)
        return json_encode(data[0] if alone and task.level == "token" else data)

    return render


def shaped_abstentions(
    *, shape: Shape, decisions: Decisions, items: int, threshold: float
) -> Callable[[Answer], list[bool]]:
    """Return what says of each text whether it got no label at all, neither of model nor rule."""
    abstains = task_named(shape.task).abstains

    def abstained(answer: Answer) -> list[bool]:
        rows = rows_of(answer)
        free = []
        for index in range(items):
            if index in decisions.before:
                free.append(False)
                continue
            later = decisions.after.get(index, ())
            overruled = any(rule.if_label is None for rule in later)
            free.append(abstains(next(rows), threshold) and not overruled)
        return free

    return abstained


def _rows(answer: Answer, sources: Sources) -> Iterator[tuple[list[float], Any]]:
    return iter(zip(rows_of(answer), repeat(None) if sources is None else sources, strict=False))


def _ended(rows: Iterator[Any]) -> None:
    if next(rows, None) is not None:
        raise ValueError("more rows than texts were asked")
