"""Answers as a deployment shapes them: names, abstain label, fields, rules."""

import json
from array import array
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from mlworker.serving.contracts import OutputInfo, RuleInfo
from mlworker.serving.gateway.shaped import (
    shaped_abstentions,
    shaped_classify_render,
    shaped_pipeline_render,
)
from mlworker.serving.protocol import Answer
from mlworker.serving.shaping import NOTHING_DECIDED, Shape, labels_shown, shape_of
from tests.unit.serving.test_shadows import servable

LABELS = ("negative", "neutral", "positive")
SURE, UNSURE = (0.1, 0.2, 0.7), (0.5, 0.3, 0.2)
TEXTS = ["fine", "a refund please", "who knows"]


def answer(*rows: tuple[float, ...]) -> Answer:
    values = array("f", [value for row in rows for value in row]).tobytes()
    return Answer(1, len(rows[0]) if rows else 0, values, 0.0, 0.0)


def shape(
    *rules: RuleInfo, task: str = "text_classification", of: Any = LABELS, **out: Any
) -> Shape:
    made = shape_of(servable("m", task, labels=of), OutputInfo(**out), rules)
    assert made is not None
    return made


def told(
    made: Shape,
    *rows: tuple[float, ...],
    texts: list[str],
    top_k: int | None = None,
    threshold: float | None = None,
) -> Any:
    render = shaped_classify_render(
        model="reviews",
        shape=made,
        decisions=made.decide(texts),
        event_ids=[uuid7() for _ in texts],
        top_k=top_k,
        threshold=threshold,
        usage={},
    )
    return json.loads(render(answer(*rows)))["data"]


def test_a_deployment_that_changes_nothing_has_no_shape() -> None:
    assert shape_of(servable("m"), OutputInfo(), ()) is None
    assert OutputInfo(labels={"good": "fine"}).changes


def test_labels_get_their_names_everywhere() -> None:
    [row] = told(shape(labels={"positive": "👍", "neutral": "so so"}), SURE, texts=["x"])

    assert row["label"] == "👍"
    assert row["scores"] == pytest.approx({"negative": 0.1, "so so": 0.2, "👍": 0.7})


def test_two_labels_of_one_name_keep_their_own() -> None:
    model = servable("m", labels=("bad", "good", "fine"))

    assert labels_shown(model, {"good": "fine"}) == ("bad", "good", "fine")
    assert labels_shown(model, {"good": "fine", "fine": "good"}) == ("bad", "fine", "good")


def test_labels_of_spans_keep_their_marks() -> None:
    model = servable("m", "token_classification", labels=("O", "B-per", "I-per"))

    assert labels_shown(model, {"per": "person"}) == ("O", "B-person", "I-person")


def test_an_abstain_label_stands_where_none_would() -> None:
    rows = told(shape(abstain_label="other"), SURE, UNSURE, texts=["x", "y"], threshold=0.6)

    assert [row["label"] for row in rows] == ["positive", "other"]
    assert rows[1]["score"] == pytest.approx(0.5)


def test_fields_get_their_names() -> None:
    [row] = told(shape(fields={"label": "category", "scores": "all"}), SURE, texts=["x"])

    assert set(row) == {"index", "id", "category", "score", "all"}


def test_a_rule_before_the_model_answers_alone_and_says_so() -> None:
    made = shape(RuleInfo("money", "refund", "billing"), fields={"label": "topic"})

    rows = told(made, SURE, UNSURE, texts=TEXTS)

    assert [row["topic"] for row in rows] == ["positive", "billing", "negative"]
    assert [row["index"] for row in rows] == [0, 1, 2]
    decided = {name: value for name, value in rows[1].items() if name not in ("index", "id")}
    assert decided == {
        "topic": "billing",
        "score": 1.0,
        "scores": {"billing": 1.0},
        "rule": "money",
    }
    assert "rule" not in rows[0]
    assert made.decide(TEXTS).asked(TEXTS) == ["fine", "who knows"]


def test_the_first_rule_that_matches_counts() -> None:
    made = shape(RuleInfo("a", "re*", "first"), RuleInfo("b", "refund", "second"))

    assert told(made, texts=["refund"])[0]["rule"] == "a"


def test_a_rule_after_the_model_overrules_it_and_keeps_its_scores() -> None:
    made = shape(RuleInfo("money", "refund", "billing", "after"))

    row = told(made, SURE, texts=["a refund"])[0]

    assert (row["label"], row["score"], row["rule"]) == ("billing", 1.0, "money")
    assert set(row["scores"]) == set(LABELS)


def test_a_rule_may_ask_for_what_the_model_said() -> None:
    made = shape(
        RuleInfo("irony", "great", "negative", "after", "👍"),
        RuleInfo("unsure", "great", "check", "after", "other"),
        labels={"positive": "👍"},
        abstain_label="other",
    )

    rows = told(made, SURE, UNSURE, (0.9, 0.1, 0.0), texts=["great"] * 3, threshold=0.6)

    assert [(row["label"], row.get("rule")) for row in rows] == [
        ("negative", "irony"),
        ("check", "unsure"),
        ("negative", None),
    ]


def test_rules_of_several_labels_give_a_list() -> None:
    made = shape(
        RuleInfo("a", "refund", "billing"),
        RuleInfo("b", "fine", "ok", "after", "positive"),
        task="multi_label_classification",
    )

    decided, overruled = told(made, SURE, texts=["refund", "fine"])

    assert (decided["labels"], decided["scores"]) == (["billing"], {"billing": 1.0})
    assert (overruled["labels"], overruled["rule"]) == (["ok"], "b")
    assert "label" not in overruled


def test_numbers_and_spans_have_no_rules() -> None:
    rule = RuleInfo("a", "refund", "billing")
    numbers = shape(rule, task="regression", of=("value",), threshold=0.5, top_k=3)

    assert (numbers.ruled, numbers.threshold, numbers.top_k) == (False, None, None)
    assert numbers.labels == ("value",)
    assert told(numbers, (4.5,), texts=["refund"])[0]["value"] == 4.5


@pytest.mark.parametrize("rows", [(SURE,), (SURE, SURE, SURE)])
def test_a_wrong_number_of_rows_is_no_answer(rows: Any) -> None:
    made = shape(RuleInfo("money", "refund", "billing"))

    with pytest.raises((ValueError, StopIteration)):
        told(made, *rows, texts=TEXTS)


def test_a_pipeline_has_the_labels_and_the_rules() -> None:
    made = shape(
        RuleInfo("money", "refund", "billing"),
        RuleInfo("irony", "fine", "negative", "after", "👍"),
        labels={"positive": "👍"},
        abstain_label="other",
    )
    render = shaped_pipeline_render(shape=made, decisions=made.decide(TEXTS), items=3, top_k=1)

    body = json.loads(render(answer(SURE, SURE)))

    assert body[1] == [{"label": "billing", "score": 1.0, "rule": "money"}]
    assert body[0] == [{"label": "negative", "score": 1.0, "rule": "irony"}]
    assert [each["label"] for each in body[2]] == ["👍"]


def test_only_what_has_no_label_at_all_is_free() -> None:
    made = shape(
        RuleInfo("a", "refund", "billing"),
        RuleInfo("b", "maybe", "check", "after"),
        RuleInfo("c", "who", "check", "after", "positive"),
    )
    texts = ["refund", "maybe", "who", "x", "y"]
    free = shaped_abstentions(shape=made, decisions=made.decide(texts), items=5, threshold=0.6)

    assert free(answer(UNSURE, UNSURE, UNSURE, SURE)) == [False, False, True, True, False]


def test_without_rules_nothing_is_decided() -> None:
    assert shape(top_k=1).decide(["refund"]) == NOTHING_DECIDED
    assert NOTHING_DECIDED.asked(TEXTS) is TEXTS
