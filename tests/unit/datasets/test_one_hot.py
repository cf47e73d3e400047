"""Labels as columns of 0 and 1: told from the file, read together, or one of them alone."""

import io
import json

import pytest
from rest_framework.test import APIClient

from tenants.datasets.build import upload_task, version_preview
from tenants.datasets.contracts import ColumnMapping
from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import DEFAULT
from tenants.datasets.reading import ONE_HOT
from tests.unit.datasets.helpers import built, codes, post_file, rows_of
from tests.unit.factories import error_of

MANY, ONE = "multi_label_classification", "text_classification"
HEADER = "id,comment,toxic,insult,threat"


def comments(count: int = 40, *more: str) -> bytes:
    """Comments numbered from 0 whose labels are their number's last three bits."""
    rows = [
        f"c{n},comment number {n},{n & 1},{n >> 1 & 1}.0,{'' if n % 8 < 4 else 'TRUE'}"
        for n in range(count)
    ]
    return "\n".join([HEADER, *rows, *more, ""]).encode()


def told(data: bytes, name: str = "a.csv") -> str:
    return upload_task(io.BytesIO(data), filename=name, mapping=None, limits=DEFAULT)


def test_columns_of_0_and_1_are_labels_and_the_report_says_which() -> None:
    assert told(comments()) == MANY
    made = built(comments(), task=MANY)
    assert made.mapping == ColumnMapping("comment", ONE_HOT, ("id",))
    assert {row["text"]: json.loads(row["label"]) for row in rows_of(made)[:8]} == {
        "comment number 0": [],
        "comment number 1": ["toxic"],
        "comment number 2": ["insult"],
        "comment number 3": ["insult", "toxic"],
        "comment number 4": ["threat"],
        "comment number 5": ["threat", "toxic"],
        "comment number 6": ["insult", "threat"],
        "comment number 7": ["insult", "threat", "toxic"],
    }
    assert made.report.labels == {"toxic": 20, "insult": 20, "threat": 20}
    [line] = [line for line in made.report.warnings if line.code == "one_hot_columns"]
    assert line.column == "toxic, insult, threat"
    assert "toxic, insult, threat" in line.message


def test_json_rows_may_lack_a_label() -> None:
    rows = [{"text": f"row {n}", "a": n % 2, **({"b": True} if n % 3 else {})} for n in range(30)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    assert told(data, "a.jsonl") == MANY
    made = rows_of(built(data, "a.jsonl", task=MANY))
    assert [json.loads(row["label"]) for row in made[:4]] == [[], ["a", "b"], ["b"], ["a"]]


def test_a_column_with_a_labels_name_or_one_column_alone_is_no_set() -> None:
    named = "text,label,seen,new\n" + "".join(f"t{n},{'xy'[n % 2]},1,0\n" for n in range(30))
    assert told(named.encode()) == ONE
    assert built(named.encode()).mapping == ColumnMapping("text", "label", ("seen", "new"))
    alone = "text,spam\n" + "".join(f"t{n},{n % 2}\n" for n in range(30))
    assert told(alone.encode()) == ONE
    assert "one_hot_columns" not in codes(built(alone.encode()))


def test_one_of_the_columns_can_be_learned_alone() -> None:
    made = built(comments(), mapping=ColumnMapping("comment", "toxic"))
    assert set(made.report.labels) == {"0", "1"}
    assert "one_hot_columns" not in codes(made)


def test_a_set_is_refused_where_a_row_has_one_label() -> None:
    with pytest.raises(UploadRefused, match="multi_label_classification"):
        built(comments(), mapping=ColumnMapping("comment", ONE_HOT), task=ONE)


def test_a_cell_of_neither_far_down_is_refused_with_its_place() -> None:
    data = comments(DEFAULT.sample_rows + 5, "x,late,0,maybe,1")
    with pytest.raises(UploadRefused) as caught:
        built(data, task=MANY)
    assert caught.value.code == "one_hot_cell_invalid"
    assert (caught.value.row, caught.value.column) == (DEFAULT.sample_rows + 7, "insult")


def test_a_list_in_a_cell_makes_a_column_no_label() -> None:
    rows = [{"text": f"row {n}", "a": n % 2, "b": 1, "c": [1]} for n in range(12)]
    rows += [{"text": "last", "a": 1, "b": [2], "c": 0}]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    found = version_preview(
        io.BytesIO(data), filename="a.jsonl", mapping=None, limits=DEFAULT, task=ONE
    )
    assert ONE_HOT not in found.columns


@pytest.mark.django_db
def test_the_preview_offers_what_the_upload_does(client_api: APIClient) -> None:
    seen = post_file(client_api, "/v1/datasets/preview", comments()).json()
    assert (seen["task"], seen["column_mapping"]["label"]) == (MANY, ONE_HOT)
    assert seen["rows"][3][ONE_HOT] == '["toxic", "insult"]'
    made = post_file(
        client_api,
        "/v1/datasets",
        comments(),
        name="comments",
        task=seen["task"],
        column_mapping=json.dumps(seen["column_mapping"]),
    )
    assert made.status_code == 201, made.content
    assert made.json()["task"] == MANY
    refused = post_file(
        client_api,
        "/v1/datasets",
        comments(),
        name="again",
        task=ONE,
        column_mapping=json.dumps(seen["column_mapping"]),
    )
    assert error_of(refused)["code"] == "column_mapping_invalid"
