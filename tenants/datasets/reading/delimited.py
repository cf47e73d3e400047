"""CSV and TSV by the standard library's reader, which reads every case of csv-spectrum right."""

import csv
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from tenants.datasets.contracts import ReportLine
from tenants.datasets.errors import (
    CellTooLarge,
    CsvMalformed,
    CsvRowWidth,
    FileEmpty,
    TooManyColumns,
)
from tenants.datasets.limits import DEFAULT, Limits
from tenants.datasets.reading.source import Format, Lines

# The csv module has one limit for the whole process; a smaller one is checked cell by cell.
csv.field_size_limit(DEFAULT.cell_characters)


class DelimitedRows:
    """Header and records of a delimited file. Iterating gives (row number, cells)."""

    def __init__(self, source: BinaryIO, kind: Format, limits: Limits) -> None:
        self._lines, self._limits = Lines(source, limits), limits
        header = next(self._lines, None)
        while header is not None and not header.strip():
            header = next(self._lines, None)
        if header is None:
            raise FileEmpty
        delimiter = "\t" if kind is Format.TSV else _delimiter_guess(header)
        self._reader = csv.reader(
            _chain(header, self._lines), delimiter=delimiter, strict=True, skipinitialspace=False
        )
        self._row = 0
        first = self._next() or []
        if len(first) > limits.columns:
            raise TooManyColumns(f"{TooManyColumns.message} It has {len(first):,}.", row=1)
        self.columns, self.notes = columns_name(first)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self.columns)
        while (cells := self._next()) is not None:
            if not cells:
                continue  # a blank line
            if len(cells) > width and any(cells[width:]):
                raise CsvRowWidth(
                    f"The row has {len(cells)} cells, the header {width}: put quotes around texts"
                    " that contain the separator.",
                    row=self._row,
                )
            if len(cells) < width:
                cells += [""] * (width - len(cells))
            yield self._row, cells

    def _next(self) -> list[str] | None:
        self._row += 1
        self._lines.row = self._row
        try:
            return next(self._reader, None)
        except csv.Error as fault:
            if "field limit" in str(fault):
                raise CellTooLarge(row=self._row) from fault
            raise CsvMalformed(row=self._row) from fault


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _delimiter_guess(header: str) -> str:
    """Spreadsheets of half of Europe write semicolons into .csv; count what the header uses."""
    bare = "".join(header.split('"')[::2])
    counts = {mark: bare.count(mark) for mark in ",;\t|"}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def columns_name(header: list[str]) -> tuple[tuple[str, ...], list[ReportLine]]:
    """Give each column a name of its own, and say where the file's own would not do."""
    notes: list[ReportLine] = []
    seen: Counter[str] = Counter()
    names: list[str] = []
    for position, written in enumerate(header, start=1):
        name = written or f"column {position}"
        seen[name] += 1
        if seen[name] > 1:
            renamed = f"{name} ({seen[name]})"
            notes.append(
                ReportLine(
                    "column_renamed", f"Two columns are named '{name[:80]}'.", column=renamed[:120]
                )
            )
            name = renamed
        names.append(name)
    return tuple(names), notes
