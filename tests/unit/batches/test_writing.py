"""What a chunk's numbers become, for the tasks whose answers are not a label."""

import io
import json
from array import array
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anneal.kernel.errors import InvalidRequest
from mlworker.batches.chunks import Chunk, Cutter
from mlworker.batches.reading import Entry
from mlworker.batches.serves import Serves, columns_named
from mlworker.batches.writing import Table, requests_written, rows_written
from mlworker.engine.base.locate import locate_base
from mlworker.engine.tokenizer import EncodedText, TextTokenizer
from mlworker.serving.protocol import Answer
from tests.unit.batches.test_sending import serves_on

TEXTS = ["Alice likes Bob", "nobody", "so says Carol"]
NAMES = {"alice", "bob", "carol"}


def chunk_of(serves: Serves, texts: list[str]) -> Chunk:
    tokenizer = TextTokenizer.load(locate_base("minilm-l6").directory)

    def encode(given: list[str]) -> list[EncodedText]:
        return tokenizer.encode(given, 64, words=serves.by_token)

    entries = [Entry(number, [text], key=f"k{number}") for number, text in enumerate(texts, 1)]
    entries.insert(1, Entry(9, problem=InvalidRequest("Bad."), record={}))
    for entry in entries:
        entry.record = {"n": entry.number}
    [chunk] = Cutter(serves, encode).cut(entries, number=1)
    return chunk


def answer(rows: list[list[float]]) -> Answer:
    flat = array("f", [value for row in rows for value in row])
    return Answer(1, 0, flat.tobytes(), 0.0, 0.0, sizes=[len(row) for row in rows])


def test_entities_are_found_in_each_rows_own_text() -> None:
    serves = serves_on(
        "b", task="token_classification", labels=["O", "B-person", "I-person"], max_length=64
    )
    chunk = chunk_of(serves, TEXTS)
    rows = []
    for text, encoded in zip(TEXTS, chunk.encoded, strict=True):
        words = [text[start:end].lower() for start, end in encoded.spans]
        rows.append([value for word in words for value in (float(word in NAMES), 0.75)])

    table = Table("jsonl", ("n",), ("entities",))
    written = rows_written(serves, chunk, answer(rows), table)
    lines = [json.loads(line) for line in written.output.splitlines()]

    assert [line["n"] for line in lines] == [1, 9, 2, 3]
    found = [[each["text"] for each in line["entities"] or []] for line in lines]
    assert found == [["Alice", "Bob"], [], [], ["Carol"]]
    assert lines[1]["entities"] is None
    assert written.failed == 1
    asked = requests_written(uuid4(), serves, chunk, answer(rows))
    body = json.loads(asked.output.splitlines()[2])["response"]["body"]
    assert body["data"][0]["entities"][0]["text"] == "Carol"


@pytest.mark.parametrize(
    ("task", "values", "cells"),
    [
        ("regression", [2.5], {"value": 2.5}),
        ("multi_label_classification", [0.75, 0.25], {"labels": ["a"], "scores": None}),
    ],
)
def test_numbers_and_sets_have_columns_of_their_own(
    task: str, values: list[float], cells: dict[str, object]
) -> None:
    serves = serves_on("b", task=task)
    table = Table("csv", ("n",), serves.answer_fields())
    chunk = chunk_of(serves, TEXTS[:1])
    for entry in chunk.entries:
        entry.record = [str(entry.number)]
    written = rows_written(serves, chunk, answer([values]), table)
    lines = written.output.decode().splitlines()
    assert lines[1] == "9" + "," * len(cells)
    first = next(iter(cells.values()))
    wanted = str(first) if isinstance(first, float) else '"[""a""]"'
    assert lines[0].startswith(f"1,{wanted}")


def test_a_batch_over_a_batchs_own_parquet_keeps_its_types() -> None:
    serves = serves_on("b")
    columns: tuple[str, ...] = ("text",)
    for _ in range(3):
        taken, added = columns, columns_named(serves.answer_fields(), columns)
        columns = (*columns, *added)
    chunk, rows = chunk_of(serves, TEXTS[:1]), pa.record_batch({name: ["x", "y"] for name in taken})
    for place, entry in enumerate(chunk.entries):
        entry.record = (rows, place)

    written = rows_written(
        serves, chunk, answer([[0.25, 0.75]]), Table("parquet", taken, tuple(added))
    )

    found = pq.read_table(io.BytesIO(written.output))
    assert found.schema.names == list(columns)
    assert found.schema.field("predicted_predicted_score").type == pa.float64()
    assert found.column("predicted_predicted_score").to_pylist() == [0.75, None]
    assert found.column("predicted_predicted_label").to_pylist() == ["b", None]
