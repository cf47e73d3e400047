"""A chunk's answers as the bytes that are stored: request lines, or rows with more columns."""

import base64
import csv
import io
import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID, uuid5

import pyarrow as pa
import pyarrow.parquet as pq

from anneal.kernel.errors import DomainError
from anneal.kernel.ids import public_id
from mlworker.batches.chunks import Chunk
from mlworker.batches.contracts import EMBEDDINGS, LINE_PREFIX
from mlworker.batches.reading import Entry
from mlworker.batches.reading.tables import PARQUET
from mlworker.batches.serves import Serves, field_of
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Source as TextSource
from mlworker.serving.gateway.answers import rows_of
from mlworker.serving.gateway.http import json_encode
from mlworker.serving.protocol import Answer
from mlworker.serving.shaping import NOTHING_DECIDED, Shape

Predict = Callable[..., Mapping[str, Any]]

_NUMBERS: Final = ("score", "value")
DELIMITERS: Final = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Written:
    """A chunk ready to be stored."""

    output: bytes
    errors: bytes
    failed: int


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of a table are written."""

    kind: str
    columns: tuple[str, ...]
    added: tuple[str, ...]


def requests_written(
    batch_id: UUID, serves: Serves, chunk: Chunk, answer: Answer | None
) -> Written:
    """Return OpenAI's output lines, and error lines for what could not be answered."""
    found, place, predict = _values(answer), 0, _predictor(serves, chunk, named=True)
    output, errors = [], []
    for entry in chunk.entries:
        name = uuid5(batch_id, str(entry.number))
        head = {"id": public_id(LINE_PREFIX, name), "custom_id": entry.key}
        if entry.problem is not None:
            errors.append({**head, **_refused(name, entry.problem), "line": entry.number})
            continue
        count = len(entry.texts)
        values = [next(found) for _ in range(count)]
        body = _body(serves, chunk, entry, values, place, predict)
        place += count
        response = {"status_code": 200, "request_id": public_id("req_", name), "body": body}
        output.append({**head, "response": response, "error": None})
    return Written(_lines(output), _lines(errors), len(errors))


def rows_written(serves: Serves, chunk: Chunk, answer: Answer | None, table: Table) -> Written:
    """Return the rows in their order with the answers' columns; a bad row has them empty."""
    found, predict = _values(answer), _predictor(serves, chunk)
    rows, errors, place = [], [], 0
    for entry in chunk.entries:
        cells: list[Any] = [None] * len(table.added)
        if entry.problem is None:
            told = predict(next(found), entry, place)
            place += 1
            fields = serves.answer_fields()
            cells = [told if field == "prediction" else told.get(field) for field in fields]
        else:
            line: dict[str, Any] = {"row": entry.number}
            errors.append({**line, "error": entry.problem.body()["error"]})
        rows.append((entry.record, cells))
    return Written(_WRITERS.get(table.kind, _objects)(rows, table), _lines(errors), len(errors))


def csv_header(table: Table) -> bytes:
    """Return the first line of a CSV or TSV output."""
    return _delimited([[*table.columns, *table.added]], DELIMITERS[table.kind])


def _body(
    serves: Serves,
    chunk: Chunk,
    entry: Entry,
    values: list[list[float]],
    place: int,
    predict: Predict,
) -> dict[str, Any]:
    tokens = sum(chunk.lengths[place : place + len(values)])
    if serves.endpoint == EMBEDDINGS:
        data: list[dict[str, Any]] = [
            {"object": "embedding", "index": index, "embedding": _vector(row, entry)}
            for index, row in enumerate(values)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    else:
        data = [
            {"index": index, **predict(row, entry, place + index, index)}
            for index, row in enumerate(values)
        ]
        truncated = sum(chunk.truncated[place : place + len(values)])
        usage = {"predictions": len(values), "tokens": tokens, "truncated": truncated}
    return {"object": "list", "model": serves.model, "data": data, "usage": usage}


def _predictor(serves: Serves, chunk: Chunk, *, named: bool = False) -> Predict:
    """Return what turns a row's numbers into the task's own shape, or the deployment's.

    A table's columns keep their names: ``named`` gives fields those of the deployment.
    """
    if serves.endpoint == EMBEDDINGS:
        return lambda row, *_: {"embedding": row}
    predict, labels = task_named(serves.task).prediction, serves.labels

    def told(row: list[float], entry: Entry, place: int, index: int = 0) -> dict[str, Any]:
        source = None
        if chunk.encoded:
            source = TextSource(entry.texts[index], chunk.encoded[place])
        options = entry.options
        return predict(row, labels, source=source, top_k=options.top_k, threshold=options.threshold)

    shape = serves.shape
    return told if shape is None else _shaped(shape, chunk, named=named)


def _shaped(shape: Shape, chunk: Chunk, *, named: bool) -> Predict:
    """Return what answers as calls of the deployment are answered."""
    predict = task_named(shape.task).prediction

    def told(row: list[float], entry: Entry, place: int, index: int = 0) -> Mapping[str, Any]:
        text, options = entry.texts[index], entry.options
        rules = shape.decide([text]) if shape.ruled else NOTHING_DECIDED
        if rules.before:
            found = shape.decided(rules.before[0])
        else:
            said = predict(
                row,
                shape.labels,
                source=TextSource(text, chunk.encoded[place]) if chunk.encoded else None,
                top_k=shape.top_k if options.top_k is None else options.top_k,
                threshold=shape.threshold if options.threshold is None else options.threshold,
            )
            found = shape.finished(said, rules.after.get(0, ()))
        return shape.named(found) if named else found

    return told


def _values(answer: Answer | None) -> Iterator[list[float]]:
    return rows_of(answer) if answer is not None else iter(())


def _refused(name: UUID, problem: DomainError) -> dict[str, Any]:
    body = problem.body()
    response = {
        "status_code": problem.status,
        "request_id": public_id("req_", name),
        "body": body,
    }
    error = {"code": problem.code, "message": problem.text, "param": problem.param}
    return {"response": response, "error": error}


def _lines(objects: list[dict[str, Any]]) -> bytes:
    return b"".join(json_encode(each) + b"\n" for each in objects)


def _vector(row: list[float], entry: Entry) -> list[float] | str:
    if entry.options.encoding == "base64":
        return base64.b64encode(array("f", row).tobytes()).decode()
    return row


def _objects(rows: list[tuple[Any, list[Any]]], table: Table) -> bytes:
    return _lines(
        [{**record, **dict(zip(table.added, cells, strict=True))} for record, cells in rows]
    )


def _table_lines(rows: list[tuple[Any, list[Any]]], table: Table) -> bytes:
    width = len(table.columns)
    cut = [[*record[:width], *map(_cell, cells)] for record, cells in rows]
    return _delimited(cut, DELIMITERS[table.kind])


def _delimited(rows: list[list[Any]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: list[tuple[Any, list[Any]]], table: Table) -> bytes:
    runs = []
    for _, group in groupby(rows, key=lambda row: id(row[0][0])):
        places = [record for record, _ in group]
        (batch, first), (_, last) = places[0], places[-1]
        runs.append(batch.slice(first, last - first + 1))
    made = pa.Table.from_batches(runs)
    for place, name in enumerate(table.added):
        values = pa.array([_typed(cells[place]) for _, cells in rows], type=_type(name))
        made = made.append_column(name, values)
    out = io.BytesIO()
    pq.write_table(made, out)
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return value if isinstance(value, str | int | float) else _text(value)


def _typed(value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, list) and not _is_vector(value)):
        return _text(value)
    return value


def _is_vector(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], float)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _type(name: str) -> pa.DataType:
    field = field_of(name)
    if field in _NUMBERS:
        return pa.float64()
    return pa.list_(pa.float32()) if field == "embedding" else pa.string()


_WRITERS: Final = {"csv": _table_lines, "tsv": _table_lines, PARQUET: _parquet}
