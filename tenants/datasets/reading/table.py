"""A file as a table: its columns, a sample held in memory, and the rows one after another."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from tenants.datasets.contracts import ColumnMapping, ReportLine
from tenants.datasets.errors import (
    CellNotText,
    CellTooLarge,
    FileEmpty,
    TooManyColumns,
    TooManyRows,
)
from tenants.datasets.limits import Limits
from tenants.datasets.reading.conll import conll_rows
from tenants.datasets.reading.delimited import DelimitedRows
from tenants.datasets.reading.jsonfiles import json_array_rows, jsonl_rows
from tenants.datasets.reading.onehot import COLUMN as ONE_HOT
from tenants.datasets.reading.onehot import one_hot_columns, one_hot_label
from tenants.datasets.reading.shapes import shapes_flatten
from tenants.datasets.reading.source import HEAD_BYTES, Format, format_find

Record = list[str] | dict[str, Any]
"""A row as its reader gives it: cells in the header's order, or a JSON object."""


@dataclass(slots=True)
class Table:
    """An open file. ``sample`` is its beginning; ``rows`` can be walked once, sample included."""

    format: Format
    columns: tuple[str, ...]
    sample: list[tuple[int, Record]]
    rest: Iterator[tuple[int, Record]]
    limits: Limits
    notes: list[ReportLine] = field(default_factory=list)
    one_hot: tuple[str, ...] = ()
    """Columns that are a label each; ``columns`` ends with the one they are read as."""

    def pairs(
        self, mapping: ColumnMapping, *, structured: bool = False
    ) -> Iterator[tuple[int, str, str, list[Any]]]:
        """Yield (row number, text, label, values of further columns as they come) of every row.

        Raises TooManyRows past the limit.

        ``structured``: a label may be a list or an object, and is given as its JSON text.
        """
        wanted = (mapping.text, mapping.label)
        if self.format in (Format.CSV, Format.TSV):
            first, second = (self.columns.index(name) for name in wanted)
        together = mapping.label == ONE_HOT and bool(self.one_hot)
        further = self._further(mapping.meta or ())
        limit = self.limits.cell_characters
        rows = itertools.chain(self.sample, self.rest)
        for count, (number, record) in enumerate(rows, start=1):
            if count > self.limits.rows:
                raise TooManyRows(
                    f"The file has more than {self.limits.rows:,} rows: split it.", row=number
                )
            if together:
                text, label = self._text(record, mapping.text, number), self._given(record, number)
            elif isinstance(record, list):
                text, label = record[first], record[second]
            else:
                text = cell_text(record.get(mapping.text), number, mapping.text)
                label = cell_text(
                    record.get(mapping.label), number, mapping.label, structured=structured
                )
            if len(text) > limit or len(label) > limit:
                raise CellTooLarge(row=number)
            yield number, text, label, further(record)

    def sample_cells(self, column: str) -> list[str]:
        """Return the sample's cells of one column as text; lists and objects as ''."""
        return [self._plain(record, column) for _, record in self.sample]

    def sample_labels(self, column: str) -> list[str]:
        """Return the sample's cells of one column as text; lists and objects as JSON."""
        return [self._plain(record, column, structured=True) for _, record in self.sample]

    def sample_rows(self, count: int) -> tuple[dict[str, str], ...]:
        """Return the first rows, every column, cells cut at 1,000 characters."""
        return tuple(
            {name: self._plain(record, name, structured=True)[:1000] for name in self.columns}
            for _, record in self.sample[:count]
        )

    def _further(self, names: Sequence[str]) -> Callable[[Any], list[Any]]:
        if self.format in (Format.CSV, Format.TSV):
            places = [self.columns.index(name) for name in names]
            return lambda cells: [cells[place] for place in places]
        return lambda record: [record.get(name) for name in names]

    def _text(self, record: Record, column: str, row: int) -> str:
        if isinstance(record, list):
            return record[self.columns.index(column)]
        return cell_text(record.get(column), row, column)

    def _given(self, record: Record, row: int) -> str:
        """Return the labels whose column holds a 1."""
        return one_hot_label(
            self.one_hot, [self._text(record, name, row) for name in self.one_hot], row
        )

    def _plain(self, record: Record, column: str, *, structured: bool = False) -> str:
        if column == ONE_HOT and self.one_hot:
            return self._given(record, 0)
        if isinstance(record, list):
            return record[self.columns.index(column)]
        value = record.get(column)
        if isinstance(value, list | dict) and not structured:
            return ""
        return cell_text(value, 0, column, structured=True)


def cell_text(value: Any, row: int, column: str, *, structured: bool = False) -> str:
    """Return a JSON value as a cell: numbers and true/false as JSON writes them, null as ''."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if structured:
        return json.dumps(value, ensure_ascii=False)
    raise CellNotText(row=row, column=column[:120])


def table_open(source: BinaryIO, filename: str, limits: Limits) -> Table:
    """Open an upload from its first byte. Raises UploadRefused, with the code of what is wrong."""
    head = source.read(HEAD_BYTES)
    if not head:
        raise FileEmpty
    source.seek(0)
    kind = format_find(filename, head)
    if kind in (Format.CSV, Format.TSV):
        delimited = DelimitedRows(source, kind, limits)
        sample, rest = _sample(iter(delimited), limits)
        return _folded(Table(kind, delimited.columns, sample, rest, limits, delimited.notes))
    sample, rest = _sample(shapes_flatten(_OBJECTS[kind](source, limits)), limits)
    return _folded(Table(kind, _json_columns(sample, limits), sample, rest, limits))


def _folded(table: Table) -> Table:
    """The table with one column more where several are a label each."""
    found = one_hot_columns(table.columns, table.sample_labels)
    if found:
        table.one_hot, table.columns = tuple(found), (*table.columns, ONE_HOT)
    return table


_OBJECTS: Final = {
    Format.JSONL: jsonl_rows,
    Format.JSON: json_array_rows,
    Format.CONLL: conll_rows,
}


def _sample(
    rows: Iterator[tuple[int, Any]], limits: Limits
) -> tuple[list[tuple[int, Record]], Iterator[tuple[int, Record]]]:
    """Take the first rows, but no more than ``sample_bytes`` of them (measured roughly)."""
    sample: list[tuple[int, Record]] = []
    size = 0
    for number, record in rows:
        sample.append((number, record))
        size += len(str(record)) if isinstance(record, dict) else sum(map(len, record))
        if len(sample) >= limits.sample_rows or size > limits.sample_bytes:
            break
    if not sample:
        raise FileEmpty
    return sample, rows


def _json_columns(sample: list[tuple[int, Record]], limits: Limits) -> tuple[str, ...]:
    """Every key of the sampled objects, in order of first appearance."""
    names: dict[str, None] = {}
    for number, record in sample:
        names.update(dict.fromkeys(record))
        if len(names) > limits.columns:
            raise TooManyColumns(f"{TooManyColumns.message} It has {len(names):,}.", row=number)
    return tuple(names)
