"""Hostile sizes: each limit refuses with its own code, early, in little memory."""

import io
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tenants.datasets.build import version_build
from tenants.datasets.errors import UploadRefused
from tenants.datasets.limits import DEFAULT, Limits
from tests.unit.datasets.helpers import csv_of, good_rows

SMALL = replace(
    DEFAULT, rows=50, columns=5, cell_characters=100, record_bytes=1_000, sample_rows=10
)


class Endless(io.RawIOBase):
    """A file that never ends: a head, then the same byte, counted as it is handed out."""

    def __init__(self, head: bytes, filler: bytes) -> None:
        self._head, self._filler = io.BytesIO(head), filler
        self.given = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._head.seek(offset, whence)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        head = self._head.read(len(buffer))
        buffer[: len(head)] = head
        rest = len(buffer) - len(head)
        buffer[len(head) :] = self._filler * rest
        self.given += len(buffer)
        return len(buffer)


def refused(data: bytes, name: str, limits: Limits) -> UploadRefused:
    with pytest.raises(UploadRefused) as caught:
        version_build(io.BytesIO(data), filename=name, mapping=None, seed=1, limits=limits)
    return caught.value


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """The bytes allocated at most, known after the test's work is done."""
    tracemalloc.start()
    seen: list[int] = []
    yield seen
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        (csv_of(good_rows(51)), "a.csv", "too_many_rows"),
        (b"a,b,c,d,e,f\n1,2,3,4,5,6\n", "a.csv", "too_many_columns"),
        (b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}\n', "a.jsonl", "too_many_columns"),
        (b"text,label\n" + b"x" * 101 + b",a\n", "a.csv", "cell_too_large"),
        (b'{"text": "' + b"x" * 101 + b'", "label": "a"}', "a.jsonl", "cell_too_large"),
        (b"text,label\n" + b"x" * 1001, "a.csv", "record_too_large"),
        (b'{"text": "' + b"x" * 1001, "a.jsonl", "record_too_large"),
        (b'[{"text": "' + b"x" * 70_000, "a.json", "record_too_large"),
    ],
)
def test_each_limit_has_its_code(data: bytes, name: str, code: str) -> None:
    assert refused(data, name, SMALL).code == code


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
def test_one_line_without_an_end_is_refused_after_the_limit(name: str, peak: list[int]) -> None:
    head = {"a.csv": b"text,label\n", "a.jsonl": b'{"text": "', "a.json": b'[{"text": "'}[name]
    source = Endless(head, b"x")
    began = time.process_time()
    with pytest.raises(UploadRefused) as caught:
        version_build(
            io.BufferedReader(source), filename=name, mapping=None, seed=1, limits=DEFAULT
        )
    peak.append(tracemalloc.get_traced_memory()[1])
    assert caught.value.code == "record_too_large"
    assert time.process_time() - began < 10
    assert source.given < 4 * DEFAULT.record_bytes
    assert peak[0] < 200_000_000


def test_a_million_columns_are_refused_quickly() -> None:
    data = b",".join(b"c%d" % n for n in range(1_000_000)) + b"\n"
    began = time.process_time()
    fault = refused(data, "a.csv", DEFAULT)
    assert fault.code == "too_many_columns"
    assert time.process_time() - began < 10


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [65, 500, 990, 100_000])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_deep_json_is_refused_and_not_a_crash(opening: bytes, depth: int, name: str) -> None:
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]
    row = b'{"text": ' + opening * depth + b"1" + closing * depth + b"}"
    fault = refused(row if name == "a.jsonl" else b"[" + row + b"]", name, DEFAULT)
    assert (fault.code, fault.row) == ("json_too_deep", 1)


def test_an_unclosed_quote_does_not_swallow_the_file() -> None:
    data = b'text,label\n"open,good\n' + b"line of text,good\n" * 100_000
    assert refused(data, "a.csv", DEFAULT).code == "cell_too_large"


def test_wide_rows_under_the_row_limit_stay_in_memory_bounds(peak: list[int]) -> None:
    data = b"text,label\n" + b'"' + b"x" * 900_000 + b'",good\n'
    rows = b"".join(data[11:].replace(b"good", b"c%d" % (n % 2)) for n in range(30))
    version_build(
        io.BytesIO(data[:11] + rows), filename="a.csv", mapping=None, seed=1, limits=DEFAULT
    )
    peak.append(tracemalloc.get_traced_memory()[1])
    assert peak[0] < 150_000_000
