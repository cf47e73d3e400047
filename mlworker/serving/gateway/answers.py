"""From probabilities to the bodies of the three shapes."""

import base64
from array import array
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from anneal.kernel.ids import public_id
from mlworker.engine.tasks import task_named
from mlworker.serving.contracts import PREDICTION_PREFIX
from mlworker.serving.gateway.http import json_encode
from mlworker.serving.protocol import Answer

Render = Callable[[Answer], bytes]

DIGITS: Final = 6


def prediction_id(event_id: UUID) -> str:
    """Return the public id of a prediction: that of its usage event."""
    return public_id(PREDICTION_PREFIX, event_id)


def rows_of(answer: Answer) -> Iterator[list[float]]:
    """Yield each row's values."""
    values = array("f")
    values.frombytes(answer.values)
    flat = values.tolist()
    for start in range(0, len(flat), answer.columns):
        yield flat[start : start + answer.columns]


def classify_render(
    *,
    model: str,
    task: str,
    labels: tuple[str, ...],
    event_ids: list[UUID],
    top_k: int | None,
    threshold: float | None,
    usage: dict[str, int],
) -> Render:
    """Return what renders the body of `POST /v1/classify`."""
    predict = task_named(task).prediction

    def render(answer: Answer) -> bytes:
        data = []
        for index, (event_id, row) in enumerate(zip(event_ids, rows_of(answer), strict=True)):
            found = predict(row, labels, top_k=top_k, threshold=threshold)
            data.append({"index": index, "id": prediction_id(event_id), **found})
        return json_encode({"object": "list", "model": model, "data": data, "usage": usage})

    return render


def abstentions(
    *, task: str, labels: tuple[str, ...], threshold: float
) -> Callable[[Answer], list[bool]]:
    """Return what says of each row whether the model abstained: no label reached the threshold."""
    predict = task_named(task).prediction

    def abstained(answer: Answer) -> list[bool]:
        return [
            predict(row, labels, top_k=1, threshold=threshold)["label"] is None
            for row in rows_of(answer)
        ]

    return abstained


def pipeline_render(*, labels: tuple[str, ...], top_k: int | None) -> Render:
    """Return what renders a Hugging Face pipeline's body: per text a list, best label first."""

    def render(answer: Answer) -> bytes:
        return json_encode([_ranked(row, labels)[:top_k] for row in rows_of(answer)])

    return render


def embeddings_render(*, model: str, encoding: str, usage: dict[str, int]) -> Render:
    """Return what renders OpenAI's body of `POST /v1/embeddings`."""

    def render(answer: Answer) -> bytes:
        data = [
            {"object": "embedding", "index": index, "embedding": _vector(row, encoding)}
            for index, row in enumerate(rows_of(answer))
        ]
        return json_encode({"object": "list", "model": model, "data": data, "usage": usage})

    return render


def _ranked(row: list[float], labels: tuple[str, ...]) -> list[dict[str, Any]]:
    pairs = sorted(zip(row, labels, strict=True), key=lambda pair: pair[0], reverse=True)
    return [{"label": label, "score": round(score, DIGITS)} for score, label in pairs]


def _vector(row: list[float], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(array("f", row).tobytes()).decode()
    return row
