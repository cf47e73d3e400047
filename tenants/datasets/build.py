"""From an upload to the rows of a version: one pass over the file, then split, hash and Parquet.

Held in memory per row: its text in Arrow, a 16-byte digest, a label number and a length; about
four times the file at most, whatever the file is. No Django, so a test can call it on bytes.
"""

import hashlib
import io
import itertools
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tenants.datasets.contracts import AUTO_TASK, ColumnMapping, Preview, Split, ValidationReport
from tenants.datasets.errors import UploadRefused
from tenants.datasets.findings import Findings
from tenants.datasets.limits import Limits
from tenants.datasets.mapping import mapping_find
from tenants.datasets.metadata import meta_take, meta_text
from tenants.datasets.reading import Table, table_open
from tenants.datasets.rowshapes import DEFAULT_TASK, RowFault, RowShape, shape_of, task_detect
from tenants.datasets.splits import (
    SPLITS,
    numbers_close,
    numbers_ensure,
    split_assign,
    strata_numbers,
    strata_rarest,
    trained_ensure,
)

SCHEMA: Final = pa.schema(
    [("row_id", pa.int64()), ("text", pa.string()), ("label", pa.string()), ("split", pa.string())]
)
META: Final = pa.field("meta", pa.string())
"""Stands last, and only in versions whose file has further columns."""
_KEPT: Final = (*list(SCHEMA)[:3], META)
PREVIEW_ROWS: Final = 20
_BINS: Final = (0, 20, 40, 80, 160, 320, 640, 1280, 2560)


@dataclass(frozen=True, slots=True)
class Built:
    """Everything a version stores. ``parquet`` is None when the report has errors."""

    format: str
    columns: tuple[str, ...]
    mapping: ColumnMapping
    report: ValidationReport
    content_hash: str
    splits: Mapping[str, int]
    statistics: Mapping[str, Any]
    parquet: BinaryIO | None


def version_build(
    source: BinaryIO,
    *,
    filename: str,
    mapping: ColumnMapping | None,
    seed: int,
    limits: Limits,
    task: str = DEFAULT_TASK,
    quick: bool = False,
) -> Built | None:
    """Read the whole file. ``quick`` gives None when it has more than ``quick_rows`` rows.

    Raises UploadRefused for a file that cannot be read; rows that cannot be trained on are errors
    in the report instead.
    """
    table = table_open(source, filename, limits)
    shape = shape_of(task)
    found, notes = mapping_find(table, mapping, lists=_takes_lists(task))
    rows = RowCollector(limits, shape, found.meta or ())
    rows.findings.say([*table.notes, *notes])
    pairs = table.pairs(found, structured=shape.structured)
    for count, (number, text, label, further) in enumerate(pairs):
        if quick and count >= limits.quick_rows:
            return None
        rows.add(number, text, label, further)
    return rows.finish(table, found, seed)


def upload_task(
    source: BinaryIO, *, filename: str, mapping: ColumnMapping | None, limits: Limits
) -> str:
    """Return the task whose labels the file's beginning holds. Raises UploadRefused."""
    source.seek(0)
    table = table_open(source, filename, limits)
    found, _ = mapping_find(table, mapping)
    return task_detect(table.sample_labels(found.label))


def version_preview(
    source: BinaryIO,
    *,
    filename: str,
    mapping: ColumnMapping | None,
    limits: Limits,
    task: str = AUTO_TASK,
) -> Preview:
    """Look at the first ``quick_rows`` rows and keep nothing.

    A mapping that cannot be guessed leaves ``mapping`` None and the reason in the report.
    """
    table = table_open(source, filename, limits)
    rows = table.sample_rows(PREVIEW_ROWS)
    try:
        found, notes = mapping_find(table, mapping, lists=_takes_lists(task))
    except UploadRefused as refusal:
        if mapping is not None:
            raise
        report, task = refusal_report(refusal), DEFAULT_TASK if task == AUTO_TASK else task
        return Preview(table.format, task, table.columns, None, rows, report, complete=False)
    if task == AUTO_TASK:
        task = task_detect(table.sample_labels(found.label))
    shape = shape_of(task)
    collector = RowCollector(limits, shape, found.meta or ())
    collector.findings.say([*table.notes, *notes])
    pairs = table.pairs(found, structured=shape.structured)
    for number, text, label, further in itertools.islice(pairs, limits.quick_rows):
        collector.add(number, text, label, further)
    complete = next(pairs, None) is None
    report = collector.report(collector.split(seed=0))
    return Preview(table.format, task, table.columns, found, rows, report, complete=complete)


def _takes_lists(task: str) -> bool:
    """Whether rows may have several labels, which columns of 0 and 1 give them."""
    return task in (AUTO_TASK, "multi_label_classification")


def refusal_report(refusal: UploadRefused) -> ValidationReport:
    """Return the report of a file that could not be read to its end."""
    return ValidationReport(errors=(refusal.as_line(),))


class RowCollector:
    """Takes rows one by one, leaves out what is empty or repeated, and knows the rest."""

    def __init__(self, limits: Limits, shape: RowShape, meta: Sequence[str] = ()) -> None:
        self.findings = Findings(limits)
        self._limits, self._shape, self._meta = limits, shape, meta
        self._filled: set[str] = set()
        self._labels: dict[str, int] = {}
        self._codes: list[tuple[int, ...]] = []
        self._values = array("d")
        self._different: set[int] = set()
        self._lengths = array("I")
        self._digests: list[bytes] = []
        self._seen: set[bytes] = set()
        self._first_label: dict[int, int] = {}
        self._pending: tuple[list[Any], ...] = tuple([] for _ in _KEPT)
        self._batches: list[pa.RecordBatch] = []

    def add(self, number: int, text: str, label: str, further: Sequence[Any] = ()) -> None:
        """Take one row. The order of the checks decides what a doubtful row is counted as.

        ``further`` are the values of the further columns; they make no row another one.
        """
        if not text or text.isspace():
            return self.findings.see("empty_text", number)
        try:
            reading = self._shape.read(text, label)
        except RowFault as fault:
            return self.findings.see(fault.code, number)
        kept = reading.label
        if any(len(name) > self._limits.label_characters for name in reading.names):
            return self.findings.see("label_too_long", number)
        raw = text.encode("utf-8")
        # No cell holds a NUL, so it separates. 16 bytes: two of a million rows never meet.
        digest = hashlib.blake2b(raw + b"\0" + kept.encode("utf-8"), digest_size=16).digest()
        if digest in self._seen:
            return self.findings.see("duplicate_rows", number)
        if self._shape.split_by == "label" and len(kept) != len(label):
            self.findings.see("label_whitespace", number)
        codes = tuple(self._labels.setdefault(name, len(self._labels)) for name in reading.names)
        own = hash(kept)
        if self._first_label.setdefault(hash(text), own) != own:
            self.findings.see("conflicting_labels", number)
        self.findings.text(text, len(raw), number)
        self._seen.add(digest)
        self._digests.append(digest)
        self._codes.append(codes)
        self._different.add(own)
        if reading.value is not None:
            self._values.append(reading.value)
        self._lengths.append(len(text))
        return self._keep(number, text, kept, self._meta_of(number, further))

    def _meta_of(self, number: int, further: Sequence[Any]) -> str | None:
        if not self._meta:
            return None
        meta, faults = meta_take(self._meta, further, self._limits)
        for code, column in faults:
            self.findings.see_value(code, column, number)
        self._filled.update(meta)
        return meta_text(meta)

    def _keep(self, *values: object) -> None:
        for column, value in zip(self._pending, values, strict=True):
            column.append(value)
        if len(self._pending[0]) >= self._limits.batch_rows:
            self._flush()

    def _flush(self) -> None:
        if self._pending[0]:
            arrays = [
                pa.array(column, field.type)
                for column, field in zip(self._pending, _KEPT, strict=True)
            ]
            self._batches.append(pa.record_batch(arrays, schema=pa.schema(_KEPT)))
            self._pending = tuple([] for _ in _KEPT)

    def split(self, seed: int) -> npt.NDArray[np.int8]:
        """Return each kept row's part, as a number into SPLITS."""
        if self._shape.split_by == "number":
            parts = split_assign(strata_numbers(self._values), self._digests, seed)
            numbers_ensure(parts, self._values)
            return parts
        if self._shape.split_by == "label":
            return split_assign([code for (code,) in self._codes], self._digests, seed)
        parts = split_assign(strata_rarest(self._codes, len(self._labels)), self._digests, seed)
        trained_ensure(parts, self._codes)
        return parts

    def report(self, parts: npt.NDArray[np.int8]) -> ValidationReport:
        """Judge what was kept."""
        counts = self._counts(parts).sum(axis=1)
        labels = {name: int(counts[code]) for name, code in self._labels.items()}
        return self.findings.finish(
            labels,
            rows=len(self._codes),
            values=len(self._different),
            shape=self._shape,
            splittable=len(np.unique(parts)) == len(SPLITS),
            close=numbers_close(self._values, parts),
        )

    def finish(self, table: Table, mapping: ColumnMapping, seed: int) -> Built:
        """Split, hash and write what was kept."""
        self._flush()
        parts = self.split(seed)
        report = self.report(parts)
        content = hashlib.sha256()
        for digest in self._digests:
            content.update(digest)
        if _has_meta(self._batches):
            # After the rows' own: without further columns the hash is that of text and label.
            for batch in self._batches:
                for value in batch["meta"].to_pylist():
                    content.update((value or "").encode("utf-8") + b"\0")
        return Built(
            format=table.format,
            columns=table.columns,
            mapping=replace(mapping, meta=tuple(n for n in self._meta if n in self._filled)),
            report=report,
            content_hash=content.hexdigest(),
            splits=_sizes(parts),
            statistics=self._statistics(parts),
            parquet=None if report.errors else parquet_write(self._batches, parts),
        )

    def _statistics(self, parts: npt.NDArray[np.int8]) -> dict[str, Any]:
        counts = self._counts(parts)
        by_label = {
            name: _named(counts[code])
            for name, code in itertools.islice(self._labels.items(), self._limits.labels)
        }
        found: dict[str, Any] = {
            "labels": dict(sorted(by_label.items())),
            "characters": _histogram(np.asarray(self._lengths)),
        }
        return {**found, "numbers": _numbers(self._values)} if len(self._values) else found

    def _counts(self, parts: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Return the rows of each label in each part, [labels, parts]."""
        each = np.fromiter(map(len, self._codes), dtype=np.int64, count=len(self._codes))
        codes = np.fromiter(itertools.chain.from_iterable(self._codes), dtype=np.int64)
        cells = codes * len(SPLITS) + np.repeat(parts, each)
        size = len(self._labels) * len(SPLITS)
        return np.bincount(cells, minlength=size).reshape(-1, len(SPLITS))


def _sizes(parts: npt.NDArray[np.int8]) -> dict[str, int]:
    return _named(np.bincount(parts, minlength=len(SPLITS)))


def _named(counts: npt.NDArray[Any]) -> dict[str, int]:
    return {split.value: int(count) for split, count in zip(SPLITS, counts, strict=True)}


def _histogram(lengths: npt.NDArray[Any]) -> dict[str, Any]:
    """Return text lengths in characters: fixed bins (the last is open), mean and percentiles."""
    counts, _ = np.histogram(lengths, bins=[*_BINS, np.iinfo(np.int64).max])
    ends = (*_BINS[1:], None)
    bins = [
        {"from": start, "to": end, "count": int(count)}
        for start, end, count in zip(_BINS, ends, counts, strict=True)
    ]
    some = lengths if len(lengths) else np.zeros(1)
    return {
        "bins": bins,
        "mean": round(float(some.mean()), 1),
        "p50": int(np.percentile(some, 50)),
        "p95": int(np.percentile(some, 95)),
        "max": int(some.max()),
    }


def _numbers(values: Sequence[float]) -> dict[str, Any]:
    """Return the spread of numbers: ten bins of equal width, mean and extremes."""
    numbers = np.asarray(values, dtype=np.float64)
    counts, edges = np.histogram(numbers, bins=10)
    bins = [
        {"from": float(start), "to": float(end), "count": int(count)}
        for start, end, count in zip(edges, edges[1:], counts, strict=False)
    ]
    return {
        "bins": bins,
        "mean": float(numbers.mean()),
        "deviation": float(numbers.std()),
        "min": float(numbers.min()),
        "max": float(numbers.max()),
    }


def _has_meta(batches: Iterable[pa.RecordBatch]) -> bool:
    return any(batch["meta"].null_count < batch.num_rows for batch in batches)


def parquet_write(batches: Sequence[pa.RecordBatch], parts: npt.NDArray[np.int8]) -> io.BytesIO:
    """Write rows with their split, one row group per batch, and return the file, rewound."""
    schema = SCHEMA.append(META) if _has_meta(batches) else SCHEMA
    names = np.array([split.value for split in Split], dtype=object)
    out = io.BytesIO()
    start = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in batches:
            end = start + batch.num_rows
            split = pa.array(names[parts[start:end]], pa.string())
            columns = {**{name: batch[name] for name in batch.schema.names}, "split": split}
            arrays = [columns[name] for name in schema.names]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            start = end
    out.seek(0)
    return out
