"""Bodies made from probabilities."""

import base64
import json
from array import array

import pytest

from anneal.kernel.ids import parse_id, uuid7
from mlworker.serving.gateway.answers import (
    classify_render,
    embeddings_render,
    pipeline_render,
)
from mlworker.serving.protocol import Answer

LABELS = ("negative", "neutral", "positive")
USAGE = {"predictions": 2, "tokens": 9, "truncated": 0}
ANSWER = Answer(1, 3, array("f", [0.1, 0.2, 0.7, 0.5, 0.3, 0.2]).tobytes(), 0.0, 0.0)
IDS = [uuid7(), uuid7()]


def classified(top_k: int | None = None, threshold: float | None = None) -> dict[str, object]:
    render = classify_render(
        model="m",
        task="text_classification",
        labels=LABELS,
        event_ids=IDS,
        top_k=top_k,
        threshold=threshold,
        usage=USAGE,
    )
    body: dict[str, object] = json.loads(render(ANSWER))
    return body


def test_a_classification_names_label_score_and_every_score() -> None:
    body = classified()

    assert (body["object"], body["model"], body["usage"]) == ("list", "m", USAGE)
    first, second = body["data"]  # type: ignore[misc] # a list of two
    assert (first["index"], first["label"], second["label"]) == (0, "positive", "negative")
    assert first["score"] == pytest.approx(0.7, abs=1e-6)
    assert first["scores"] == pytest.approx({"negative": 0.1, "neutral": 0.2, "positive": 0.7})
    assert [parse_id("pred_", row["id"]) for row in (first, second)] == IDS


def test_top_k_keeps_the_best_scores_only() -> None:
    first, second = classified(top_k=2)["data"]  # type: ignore[misc] # a list of two

    assert set(first["scores"]) == {"positive", "neutral"}
    assert set(second["scores"]) == {"negative", "neutral"}


def test_a_top_k_beyond_the_labels_gives_them_all() -> None:
    first, _ = classified(top_k=10**22)["data"]  # type: ignore[misc] # a list of two

    assert set(first["scores"]) == set(LABELS)


def test_below_the_threshold_there_is_no_label_but_a_score() -> None:
    first, second = classified(threshold=0.6)["data"]  # type: ignore[misc] # a list of two

    assert first["label"] == "positive"
    assert second["label"] is None
    assert second["score"] == pytest.approx(0.5, abs=1e-6)


def test_a_pipeline_answer_is_a_ranked_list_per_text() -> None:
    body = json.loads(pipeline_render(task="text_classification", labels=LABELS, top_k=2)(ANSWER))

    assert [[item["label"] for item in row] for row in body] == [
        ["positive", "neutral"],
        ["negative", "neutral"],
    ]
    assert body[0][0]["score"] == pytest.approx(0.7, abs=1e-6)


def test_vectors_leave_as_numbers_or_as_base64_of_the_same_numbers() -> None:
    answer = Answer(1, 2, array("f", [0.5, -0.25]).tobytes(), 0.0, 0.0)
    usage = {"prompt_tokens": 3, "total_tokens": 3}

    plain = json.loads(embeddings_render(model="m", encoding="float", usage=usage)(answer))
    packed = json.loads(embeddings_render(model="m", encoding="base64", usage=usage)(answer))

    assert plain["data"][0]["embedding"] == [0.5, -0.25]
    assert base64.b64decode(packed["data"][0]["embedding"]) == array("f", [0.5, -0.25]).tobytes()
    assert plain["usage"] == usage
