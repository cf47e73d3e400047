"""Cutting entries: bounded in texts, tokens and bytes, and alike however often it begins anew."""

import io
import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anneal.kernel.errors import DomainError
from mlworker.batches import chunks
from mlworker.batches.chunks import Chunk, Cutter
from mlworker.batches.errors import BatchFileUnfit
from mlworker.batches.opening import file_count
from mlworker.batches.reading import Entry, RequestSource, table_source
from mlworker.batches.reading.entries import Options
from mlworker.engine.tokenizer import EncodedText
from tenants.datasets.limits import DEFAULT, Limits
from tests.unit.batches.factories import GOOD, MODEL, jsonl, request_line
from tests.unit.batches.test_sending import serves_on

LIMITS = Limits(columns=5)


def encode(texts: list[str]) -> list[EncodedText]:
    return [EncodedText([7] * len(text.split()), truncated=False) for text in texts]


def cut(entries: Iterable[Entry], number: int = 1, **fields: object) -> list[Chunk]:
    return list(Cutter(serves_on("b", **fields), encode).cut(entries, number=number))


def texts(count: int, words: int = 3, weight: int = 0) -> list[Entry]:
    return [Entry(number, ["w " * words], weight=weight) for number in range(1, count + 1)]


def numbers(found: list[Chunk]) -> list[list[int]]:
    return [[entry.number for entry in chunk.entries] for chunk in found]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_ITEMS", 100)
    monkeypatch.setattr(chunks, "CHUNK_TOKENS", 1_000)
    monkeypatch.setattr(chunks, "STRETCH_TEXTS", 10)


def test_a_chunk_ends_with_its_texts_or_tokens_or_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(each.entries) for each in cut(texts(250))] == [100, 100, 50]
    assert [len(each.entries) for each in cut(texts(60, words=50))] == [20, 20, 20]
    monkeypatch.setattr(chunks, "CHUNK_CHARACTERS", 50_000)
    assert [len(each.entries) for each in cut(texts(30, weight=5_000))] == [10, 10, 10]


def test_many_labels_and_long_vectors_make_chunks_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK_VALUES", 1_000)
    assert len(cut(texts(100), labels=[str(n) for n in range(50)])[0].entries) == 20
    assert len(cut(texts(100), endpoint="/v1/embeddings")[0].entries) == 10


def test_beginning_anew_after_any_chunk_cuts_alike() -> None:
    entries = [
        Entry(each.number, each.texts * (each.number % 4 + 1)) for each in texts(300, words=4)
    ]
    whole = cut(entries)
    for done in range(1, len(whole)):
        skipped = sum(len(each.entries) for each in whole[:done])
        rest = cut(entries[skipped:], number=done + 1)
        assert numbers(rest) == numbers(whole[done:])
        assert [each.number for each in rest] == [each.number for each in whole[done:]]
        assert [each.tokens for each in rest] == [each.tokens for each in whole[done:]]


def test_what_means_nothing_to_the_models_task_is_a_bad_row() -> None:
    asked = [Entry(1, ["w"], options=Options(threshold=0.5)), Entry(2, ["w"])]
    [chunk] = cut(asked, task="regression")
    assert [entry.problem is None for entry in chunk.entries] == [False, True]
    assert chunk.items == 1


def test_a_line_that_is_too_long_is_a_bad_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlworker.batches.reading.entries.MAX_LINE_BYTES", 1_000)
    data = jsonl(request_line(1), request_line(2, "x" * 5_000), request_line(3))
    found = list(RequestSource(io.BytesIO(data), "/v1/classify").entries())
    assert [entry.number for entry in found] == [1, 2, 3]
    assert [entry.problem is None for entry in found] == [True, False, True]
    rest = RequestSource(io.BytesIO(data), "/v1/classify").entries(skip=2)
    assert [entry.key for entry in rest] == ["row-3"]


def parquet(table: pa.Table) -> io.BytesIO:
    out = io.BytesIO()
    pq.write_table(table, out)
    out.seek(0)
    return out


@pytest.mark.parametrize(
    "source",
    [
        io.BytesIO(b"a,b,c,d,e,text\n1,2,3,4,5,x\n"),
        io.BytesIO(json.dumps(dict.fromkeys("abcdef", "x")).encode()),
        parquet(pa.table({name: ["x"] for name in "abcdef"})),
        io.BytesIO(json.dumps({"k" * 200_000: "x"}).encode()),
        parquet(pa.table({"k" * 200_000: ["x"]})),
    ],
)
def test_more_columns_than_can_be_shown_are_refused(source: io.BytesIO) -> None:
    with pytest.raises(DomainError, match=r"columns|names"):
        table_source(source, "a", "", LIMITS)


def test_parquet_that_unpacks_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlworker.batches.reading.tables._UNPACKED_BYTES", 10_000)
    source = table_source(parquet(pa.table({"text": [GOOD] * 1_000})), "a.parquet", "", DEFAULT)
    with pytest.raises(BatchFileUnfit, match="unpacks"):
        list(source.entries())


def test_parquet_whose_other_columns_unpack_too_far_is_refused_before_a_row_is_paid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlworker.batches.reading.tables._UNPACKED_BYTES", 10_000)
    table = pa.table({"text": [GOOD] * 40, "more": ["x" * 1_000] * 40})
    source = table_source(parquet(table), "a.parquet", "text", DEFAULT)
    with pytest.raises(BatchFileUnfit, match="unpacks"):
        file_count(source, source.entries(), model=MODEL)
