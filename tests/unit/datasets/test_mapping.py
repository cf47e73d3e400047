"""Columns are guessed, or named by people who do not see a trailing space."""

import io
import json

import pytest

from tenants.datasets.contracts import ColumnMapping
from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import DEFAULT
from tenants.datasets.mapping import mapping_find, mapping_from_request
from tenants.datasets.reading import Table, table_open


def table(header: str, *rows: str, name: str = "a.csv") -> Table:
    data = "\n".join([header, *rows, ""]).encode()
    return table_open(io.BytesIO(data), name, DEFAULT)


TWELVE = [f"{n},a long enough sentence number {n},{'xy'[n % 2]}" for n in range(12)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text,label", ("text", "label")),
        ("label,review", ("review", "label")),
        ("Sentence , CLASS", ("Sentence ", " CLASS")),
        ("评论,标签", ("评论", "标签")),
        ("prompt,completion", ("prompt", "completion")),
        ("id,text,sentiment", ("text", "sentiment")),
    ],
)
def test_names_are_enough(header: str, expected: tuple[str, str]) -> None:
    found, notes = mapping_find(table(header, "1,2,3"[: len(header.split(",")) * 2 - 1]), None)
    assert (found.text, found.label) == expected
    assert notes == []


def test_content_decides_where_names_say_nothing() -> None:
    found, _ = mapping_find(table("a,b,c", *TWELVE), None)
    assert found == ColumnMapping(text="b", label="c", meta=("a",))


def test_one_known_name_helps_to_find_the_other() -> None:
    found, _ = mapping_find(table("n,wording,label", *TWELVE), None)
    assert found == ColumnMapping(text="wording", label="label", meta=("n",))


def test_a_table_without_repeating_values_asks_for_the_mapping() -> None:
    with pytest.raises(UploadRefused) as caught:
        mapping_find(table("a,b", *(f"word {n},other {n}" for n in range(9))), None)
    assert caught.value.code == "column_mapping_required"
    assert "'a', 'b'" in caught.value.text
    assert caught.value.param == "column_mapping"


@pytest.mark.parametrize(
    "asked", ["TEXT", " text", "text\u200b", "\ufeffText ", "ｔｅｘｔ", "te\u00adxt"]
)
def test_a_name_that_looks_the_same_is_taken_and_said(asked: str) -> None:
    found, notes = mapping_find(table("text,label", "a,b"), ColumnMapping(asked, "label"))
    assert found == ColumnMapping("text", "label", ())
    assert [note.code for note in notes] == ["column_name_adjusted"]


def test_the_exact_name_wins_over_a_look_alike() -> None:
    found, notes = mapping_find(table("Text,text,label", "a,b,c"), ColumnMapping("text", "label"))
    assert found.text == "text"
    assert notes == []


def test_an_ambiguous_look_alike_is_not_guessed() -> None:
    with pytest.raises(UploadRefused) as caught:
        mapping_find(table("Text,text,label", "a,b,c"), ColumnMapping("TEXT", "label"))
    assert caught.value.code == "column_not_found"


def test_a_column_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UploadRefused) as caught:
        mapping_find(table("body,tag", "a,b"), ColumnMapping("text", "tag"))
    assert caught.value.code == "column_not_found"
    assert "'body', 'tag'" in caught.value.text


def test_text_and_label_cannot_be_one_column() -> None:
    with pytest.raises(UploadRefused) as caught:
        mapping_find(table("body,tag", "a,b"), ColumnMapping("body", "BODY"))
    assert caught.value.code == "column_mapping_invalid"


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {},
        {"text": "a"},
        {"text": 1, "label": "b"},
        {"text": "", "label": "b"},
        {"text": "a", "label": "b", "meta": "c"},
        {"text": "a", "label": "b", "meta": [""]},
        {"text": "a", "label": "b", "other": []},
    ],
)
def test_a_mapping_of_another_shape_is_refused(value: object) -> None:
    with pytest.raises(UploadRefused) as caught:
        mapping_from_request(value)
    assert caught.value.code == "column_mapping_invalid"


def test_a_nested_column_is_not_taken_for_text() -> None:
    rows = [json.dumps({"meta": {"a": n}, "words": f"some text {n}", "k": n % 2}) for n in range(9)]
    found, _ = mapping_find(table(rows[0], *rows[1:], name="a.jsonl"), None)
    assert found == ColumnMapping(text="words", label="k", meta=("meta",))
