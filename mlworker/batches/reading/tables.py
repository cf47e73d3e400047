"""Tables whose rows come back with answers: CSV, TSV, JSONL, JSON and Parquet.

The dataset readers read them, but for two: lines of JSONL stand alone here, so that a bad one is a
bad row and not the end of the file, and Parquet keeps its types.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.types import is_dictionary, is_large_string, is_string

from anneal.kernel.errors import DomainError
from mlworker.batches.errors import BatchFileUnfit, RowInvalid
from mlworker.batches.reading.entries import Entry, Source, raw_lines
from mlworker.serving.gateway.bodies import texts_of
from tenants.datasets.limits import Limits
from tenants.datasets.mapping import text_column_find
from tenants.datasets.reading import Table, table_open
from tenants.datasets.reading.jsonfiles import json_object
from tenants.datasets.reading.source import HEAD_BYTES, Format, format_find, text_decode
from tenants.datasets.reading.table import cell_text

PARQUET: Final = "parquet"
_MAGIC: Final = b"PAR1"
_BOM: Final = b"\xef\xbb\xbf"
_ROWS: Final = 16
"""Rows of Parquet that are unpacked together: one page may say a long text for each of them."""
_UNPACKED_BYTES: Final = 4_000_000_000
"""What a file may be when it is unpacked; CSV and JSON cannot be more than they are."""
_NAMES_CHARACTERS: Final = 100_000
_OTHER_BYTES: Final = 8
_DAMAGE: Final = (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, RecursionError)


def table_source(source: BinaryIO, filename: str, asked: str, limits: Limits) -> Source:
    """Open a table. Raises UploadRefused, ColumnNotFound, ColumnMappingRequired, BatchFileUnfit."""
    head = source.read(HEAD_BYTES)
    source.seek(0)
    if head.startswith(_MAGIC):
        return ParquetSource(source, asked, limits)
    if format_find(filename, head) is Format.JSONL:
        return LinesSource(source, asked, limits)
    return TableSource(table_open(source, filename, limits), asked)


class TableSource:
    """A file that the dataset readers read; ``kind`` is csv, tsv, json or conll."""

    rows: int | None = None

    def __init__(self, table: Table, asked: str) -> None:
        self._table, self.kind = table, str(table.format)
        # The column that several are folded into is the reader's own, and not in the file.
        self.columns = table.columns[:-1] if table.one_hot else table.columns
        columns_fit(self.columns, table.limits)
        self.text_column = text_column_find(self.columns, asked, table.sample_cells)

    def entries(self, *, skip: int = 0) -> Iterator[Entry]:
        """Yield every row after the first ``skip``; an unreadable one ends the file."""
        place, limit = self.columns.index(self.text_column), self._table.limits.cell_characters
        rows = chain(self._table.sample, self._table.rest)
        for number, record in islice(rows, skip, None):
            value = record[place] if isinstance(record, list) else record.get(self.text_column)
            yield _entry(number, value, record, self.text_column, limit, _weight(record))


class LinesSource:
    """JSONL: an object a line."""

    kind = str(Format.JSONL)
    rows: int | None = None

    def __init__(self, source: BinaryIO, asked: str, limits: Limits) -> None:
        self._lines, self._limits = raw_lines(source), limits
        self._sample = self._beginning()
        found = [entry.record for entry in self._read(self._sample, "") if entry.record]
        self.columns = tuple(dict.fromkeys(name for record in found for name in record))
        if not found:
            raise BatchFileUnfit("No line of the file's beginning is an object in JSON.")
        columns_fit(self.columns, limits)

        def cells(name: str) -> list[str]:
            return [text for record in found if isinstance(text := record.get(name), str)]

        self.text_column = text_column_find(self.columns, asked, cells)

    def _beginning(self) -> list[tuple[int, bytes | None]]:
        sample, size = [], 0
        for number, raw in self._lines:
            sample.append((number, raw))
            size += len(raw or b"")
            if len(sample) >= self._limits.sample_rows or size > self._limits.sample_bytes:
                break
        return sample

    def entries(self, *, skip: int = 0) -> Iterator[Entry]:
        """Yield every row after the first ``skip``."""
        lines = chain(self._sample, self._lines)
        yield from self._read(islice(lines, skip, None), self.text_column)

    def _read(self, lines: Iterable[tuple[int, bytes | None]], column: str) -> Iterator[Entry]:
        for number, raw in lines:
            try:
                if raw is None:
                    raise RowInvalid("The line has more than 8 MB.")
                text = text_decode(raw.removeprefix(_BOM) if number == 1 else raw, number)
                record = json_object(text, number)
            except DomainError as error:
                yield Entry(number, problem=error, record={})
            else:
                limit = self._limits.cell_characters
                yield _entry(number, record.get(column), record, column, limit, len(raw))


class ParquetSource:
    """Parquet: a row's record is its place in what was unpacked, so that it keeps its types."""

    kind = PARQUET

    def __init__(self, source: BinaryIO, asked: str, limits: Limits) -> None:
        try:
            self._file = pq.ParquetFile(source)
            self.columns = tuple(self._file.schema_arrow.names)
            self.rows: int | None = self._file.metadata.num_rows
        except _DAMAGE as error:
            raise BatchFileUnfit(f"The file is damaged Parquet: {str(error)[:200]}") from error
        if len(set(self.columns)) != len(self.columns):
            raise BatchFileUnfit("Two columns of the file have the same name: rename one.")
        columns_fit(self.columns, limits)
        self._limits = limits
        self.text_column = text_column_find(self.columns, asked, self._cells)

    def _cells(self, name: str) -> list[str]:
        kind = self._file.schema_arrow.field(name).type
        if not (is_string(kind) or is_large_string(kind) or is_dictionary(kind)):
            return []
        _, found = next(self._batches(name, [name]), (None, []))
        return [text for text in found if isinstance(text, str)]

    def _batches(
        self, column: str, columns: list[str] | None
    ) -> Iterator[tuple[pa.RecordBatch, list[Any]]]:
        """Yield rows as they are unpacked, with one column's values."""
        number = unpacked = 0
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS, columns=columns):
                unpacked += batch.nbytes
                if unpacked > _UNPACKED_BYTES:
                    raise BatchFileUnfit(
                        f"The file unpacks to more than {_UNPACKED_BYTES:,} bytes: split it."
                    )
                values = batch.column(column).to_pylist()
                number += len(values)
                yield batch, values
        except _DAMAGE as error:
            raise BatchFileUnfit(
                f"The file is damaged Parquet after row {number:,}: {str(error)[:200]}"
            ) from error

    def entries(self, *, skip: int = 0) -> Iterator[Entry]:
        """Yield every row after the first ``skip``; damage ends the file."""
        number, limit, column = 0, self._limits.cell_characters, self.text_column
        for batch, values in self._batches(column, None):
            weight = batch.nbytes // max(batch.num_rows, 1)
            for place, value in enumerate(values):
                number += 1
                if number > skip:
                    yield _entry(number, value, (batch, place), column, limit, weight)


def columns_fit(columns: tuple[str, ...], limits: Limits) -> None:
    """Refuse more columns, or longer names, than a page or a row of ours could show."""
    if len(columns) > limits.columns:
        raise BatchFileUnfit(f"The file has more than {limits.columns:,} columns.")
    if sum(map(len, columns)) > _NAMES_CHARACTERS:
        raise BatchFileUnfit("The names of the columns are too long: shorten them.")


def _weight(record: Any) -> int:
    cells = record if isinstance(record, list) else record.values()
    return sum(len(cell) if isinstance(cell, str | list | dict) else _OTHER_BYTES for cell in cells)


def _entry(number: int, value: Any, record: Any, column: str, limit: int, weight: int) -> Entry:
    """Return a row; what is no text, empty or too long is a problem of its own."""
    entry = Entry(number, record=record, weight=weight)
    try:
        text = cell_text(value, number, column)
        if len(text) > limit:
            raise RowInvalid(f"The text has more than {limit:,} characters.", param=column)
        entry.texts = texts_of([text], param="text")
    except DomainError as error:
        entry.problem = error
    return entry
