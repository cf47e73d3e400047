"""From an engine's numbers to the bodies of the three shapes."""

import base64
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Final
from uuid import UUID

from anneal.kernel.ids import public_id
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Source
from mlworker.serving.contracts import PREDICTION_PREFIX
from mlworker.serving.gateway.http import json_encode, json_part
from mlworker.serving.protocol import Answer

Render = Callable[[Answer], bytes]

Sources = Sequence[Source] | None
"""The texts and their tokens, where the task's answers speak of these."""

_NONE: Final = repeat(None)


def prediction_id(event_id: UUID) -> str:
    """Return the public id of a prediction: that of its usage event."""
    return public_id(PREDICTION_PREFIX, event_id)


def rows_of(answer: Answer) -> Iterator[list[float]]:
    """Yield each row's values."""
    values = array("f")
    values.frombytes(answer.values)
    if not answer.sizes and values:
        for start in range(0, len(values), answer.columns):
            yield values[start : start + answer.columns].tolist()
    start = 0
    for size in answer.sizes:
        yield values[start : start + size].tolist()
        start += size


def classify_render(
    *,
    model: str,
    task: str,
    labels: tuple[str, ...],
    event_ids: list[UUID],
    top_k: int | None,
    threshold: float | None,
    usage: dict[str, int],
    sources: Sources = None,
    first: int = 0,
) -> Render:
    """Return what renders the body of `POST /v1/classify`, in the task's own shape.

    ``first`` is the index of the first text, where these are a part of a longer list.
    """
    predict = task_named(task).prediction

    def render(answer: Answer) -> bytes:
        data = []
        rows = zip(event_ids, rows_of(answer), strict=True)
        for index, ((event_id, row), source) in enumerate(
            zip(rows, _NONE if sources is None else sources, strict=False), first
        ):
            found = predict(row, labels, source=source, top_k=top_k, threshold=threshold)
            data.append(json_part({"index": index, "id": prediction_id(event_id), **found}))
        return json_encode({"object": "list", "model": model, "data": data, "usage": usage})

    return render


def abstentions(*, task: str, threshold: float) -> Callable[[Answer], list[bool]]:
    """Return what says of each row whether the model abstained: no label reached the threshold."""
    abstains = task_named(task).abstains

    def abstained(answer: Answer) -> list[bool]:
        return [abstains(row, threshold) for row in rows_of(answer)]

    return abstained


def pipeline_render(
    *,
    task: str,
    labels: tuple[str, ...],
    top_k: int | None,
    sources: Sources = None,
    alone: bool = False,
) -> Render:
    """Return what renders a Hugging Face pipeline's body: a list for each text.

    Token pipelines answer one text that came alone (``alone``) without the outer list.
    """
    known = task_named(task)

    def render(answer: Answer) -> bytes:
        found = [
            json_part(known.pipeline(row, labels, source=source, top_k=top_k))
            for row, source in zip(
                rows_of(answer), _NONE if sources is None else sources, strict=False
            )
        ]
        return json_encode(found[0] if alone and known.level == "token" else found)

    return render


def embeddings_render(
    *, model: str, encoding: str, usage: dict[str, int], first: int = 0
) -> Render:
    """Return what renders OpenAI's body of `POST /v1/embeddings`."""

    def render(answer: Answer) -> bytes:
        data = [
            json_part({"object": "embedding", "index": index, "embedding": _vector(row, encoding)})
            for index, row in enumerate(rows_of(answer), first)
        ]
        return json_encode({"object": "list", "model": model, "data": data, "usage": usage})

    return render


def _vector(row: list[float], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(array("f", row).tobytes()).decode()
    return row
