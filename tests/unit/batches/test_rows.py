"""Tables in, the same tables out: every format, every row in its place."""

import csv
import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from mlworker.batches.errors import BatchFileUnfit
from mlworker.batches.opening import file_count, source_open
from mlworker.batches.states import Form
from mlworker.batches.working import Counted
from tests.unit.batches.factories import (
    BAD,
    BASE,
    GOOD,
    MODEL,
    Engine,
    batch,
    content,
    lines_of,
    made,
    predictions,
    row_of,
    work_all,
)

pytestmark = pytest.mark.django_db


def test_a_csv_comes_back_with_the_answers_beside_its_own_columns(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    data = f'id,review,label\n1,"{GOOD}",x\n2,,y\n3,"{BAD}",\n'.encode()
    batch_id = made(client_api, data, "reviews.csv", model=MODEL)

    work_all()

    done = batch(client_api, batch_id)
    assert (done["status"], done["form"], done["text_column"]) == ("completed", "rows", "review")
    assert done["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    text = content(client_api, done["output_file_id"]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["id", "review", "label", "predicted_label", "score", "scores"]
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["label"] for row in rows] == ["x", "y", ""]
    assert [row["predicted_label"] for row in rows] == ["positive", "", "negative"]
    assert float(rows[0]["score"]) > 0.5
    assert set(json.loads(rows[0]["scores"])) == {"positive", "negative"}
    [error] = lines_of(client_api, done["error_file_id"])
    assert (error["row"], error["error"]["message"]) == (3, "A text is empty.")
    assert predictions(organization).consumed == 2
    names = [client_api.get(f"/v1/files/{done[kind]}").json() for kind in _FILES]
    assert [each["filename"] for each in names] == ["reviews-output.csv", "reviews-errors.jsonl"]
    assert {each["purpose"] for each in names} == {"batch_output"}


_FILES = ("output_file_id", "error_file_id")


def test_bad_lines_of_jsonl_are_bad_rows(client_api: APIClient, engine: Engine) -> None:
    lines = [
        json.dumps({"text": GOOD, "n": 1}),
        "{broken",
        json.dumps({"n": 2}),
        json.dumps({"text": ["a"]}),
        "",
        json.dumps({"text": BAD, "n": {"deep": [1]}}),
    ]
    batch_id = made(client_api, "\n".join(lines).encode(), "rows.jsonl", model=MODEL)

    work_all()

    done = batch(client_api, batch_id)
    output = lines_of(client_api, done["output_file_id"])
    labels = [row["label"] for row in output]
    assert labels == ["positive", None, None, None, "negative"]
    assert output[4]["n"] == {"deep": [1]}
    errors = lines_of(client_api, done["error_file_id"])
    assert [line["row"] for line in errors] == [2, 3, 4]
    codes = [line["error"]["code"] for line in errors]
    assert codes == ["json_malformed", "invalid_request", "cell_not_text"]


def _lines(rows: list[dict[str, object]]) -> str:
    return "\n".join(map(json.dumps, rows))


@pytest.mark.parametrize(("name", "written"), [("a.jsonl", _lines), ("a.json", json.dumps)])
def test_a_field_that_comes_late_is_kept(
    client_api: APIClient,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    settings: object,
    name: str,
    written: Callable[[object], str],
) -> None:
    monkeypatch.setattr(settings, "DATASET_LIMITS", {"sample_rows": 2}, raising=False)
    rows = [{"text": GOOD}, {"text": BAD}, {"text": 3.5}, {"text": GOOD, "label": "own", "n": 1}]
    batch_id = made(client_api, written(rows).encode(), name, model=MODEL)

    work_all()

    *_, last = lines_of(client_api, batch(client_api, batch_id)["output_file_id"])
    assert (last["label"], last["n"], last["predicted_label"]) == ("own", 1, "positive")


def test_late_fields_are_bounded_where_they_are_an_answers(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    limits = {"sample_rows": 1, "columns": 3}
    monkeypatch.setattr(settings, "DATASET_LIMITS", limits, raising=False)
    other: list[dict[str, object]]
    other = [{"text": GOOD}, *({f"n{number}": 1} for number in range(9))]
    counted, _ = _counted(other)
    assert counted.columns == ("text",)
    named: list[dict[str, object]]
    named = [{"text": GOOD}, *({"predicted_" * number + "score": 1} for number in range(9))]
    with pytest.raises(BatchFileUnfit, match="columns"):
        _counted(named)


def test_too_many_late_fields_end_the_reading_at_once(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    """A file of a gigabyte can name millions of them."""
    limits = {"sample_rows": 1, "columns": 3}
    monkeypatch.setattr(settings, "DATASET_LIMITS", limits, raising=False)
    rows = [{"text": GOOD}, *({f"n{number}_predicted_label": 1} for number in range(1_000))]
    data = io.BytesIO(_lines(rows).encode())
    source = source_open(data, "a.jsonl", form=Form.ROWS, endpoint="/v1/classify", column="text")
    with pytest.raises(BatchFileUnfit, match="columns"):
        file_count(source, source.entries(), model=MODEL)
    assert data.tell() < 500


def _counted(rows: list[dict[str, object]]) -> tuple[Counted, int]:
    data = io.BytesIO(_lines(rows).encode())
    source = source_open(data, "a.jsonl", form=Form.ROWS, endpoint="/v1/classify", column="text")
    return file_count(source, source.entries(), model=MODEL)


def test_parquet_keeps_its_types(client_api: APIClient, engine: Engine) -> None:
    table = pa.table(
        {"n": pa.array([7, None, 9], pa.int32()), "comment": [GOOD, None, BAD], "f": [0.5, 1, 2]}
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    batch_id = made(client_api, out.getvalue(), "rows.parquet", model=MODEL)

    work_all()

    done = batch(client_api, batch_id)
    found = pq.read_table(io.BytesIO(content(client_api, done["output_file_id"])))
    assert found.schema.names == ["n", "comment", "f", "label", "score", "scores"]
    assert found.schema.field("n").type == pa.int32()
    assert found.column("n").to_pylist() == [7, None, 9]
    assert found.column("label").to_pylist() == ["positive", None, "negative"]
    assert found.schema.field("score").type == pa.float64()


def test_parquet_types_that_python_has_not_stay_as_they_are(
    client_api: APIClient, engine: Engine
) -> None:
    moments = pa.array([1, 1_700_000_000_123_456_789, None] * 11, pa.timestamp("ns"))
    table = pa.table(
        {
            "at": moments,
            "what": [GOOD, "", BAD] * 11,
            "kind": pa.array(["a", None, "b"] * 11).dictionary_encode(),
            "deep": pa.array([[{"x": 1}], [], None] * 11),
            "label": [1, 2, 3] * 11,
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    batch_id = made(client_api, out.getvalue(), "rows.parquet", model=MODEL)

    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "completed", done
    found = pq.read_table(io.BytesIO(content(client_api, done["output_file_id"])))
    for name in ("what", "at", "deep", "label"):
        assert found.column(name).equals(table.column(name)), name
    assert found.column("kind").to_pylist() == table.column("kind").to_pylist()
    assert found.column("predicted_label").to_pylist() == ["positive", None, "negative"] * 11


def test_a_base_answers_rows_with_vectors(client_api: APIClient, engine: Engine) -> None:
    data = json.dumps([{"text": GOOD}, {"text": BAD}]).encode()
    batch_id = made(client_api, data, "rows.json", model=BASE, endpoint="/v1/embeddings")
    work_all()
    done = batch(client_api, batch_id)
    output = lines_of(client_api, done["output_file_id"])
    assert [len(row["embedding"]) for row in output] == [384, 384]


@pytest.mark.parametrize(
    ("data", "name", "more", "code"),
    [
        (b"a,b\n1,2\n", "a.csv", {"text_column": "c"}, "column_not_found"),
        (b'text\n"a\n', "a.csv", {}, "csv_malformed"),
        (b"PAR1 no such thing PAR1", "a.parquet", {}, "batch_file_unfit"),
        (b"PK\x03\x04rest", "a.xlsx", {}, "unsupported_format"),
        (b"no\nobject\n", "a.jsonl", {}, "batch_file_unfit"),
    ],
)
def test_a_table_that_cannot_be_read_fails_with_its_reason(
    client_api: APIClient, data: bytes, name: str, more: dict[str, str], code: str
) -> None:
    batch_id = made(client_api, data, name, model=MODEL, **more)
    work_all()
    done = batch(client_api, batch_id)
    assert done["status"] == "failed"
    [error] = done["errors"]["data"]
    assert error["code"] == code, error


def test_rows_beyond_a_chunk_stay_in_their_order(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlworker.batches.chunks.CHUNK_ITEMS", 8)
    monkeypatch.setattr("mlworker.batches.chunks.STRETCH_TEXTS", 4)
    rows = "".join(f"{number}\t{BAD if number % 3 else GOOD}\n" for number in range(41))
    batch_id = made(client_api, f"n\ttext\n{rows}".encode(), "a.tsv", model=MODEL)

    work_all()

    done = batch(client_api, batch_id)
    text = content(client_api, done["output_file_id"]).decode()
    found = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    assert [row["n"] for row in found] == [str(number) for number in range(41)]
    labels = ["negative" if number % 3 else "positive" for number in range(41)]
    assert [row["label"] for row in found] == labels
    assert row_of(organization, batch_id).chunks == 6
