"""The end of a batch: its chunks become an output file and an error file, whatever the end is."""

import io
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, Any, BinaryIO, Final, cast
from uuid import UUID

import pyarrow.parquet as pq

from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import tenant_scope
from anneal.kernel.storage import StoredObject, object_delete, object_open, object_put
from mlworker.batches.charging import lost_refund, rest_release
from mlworker.batches.contracts import Claim
from mlworker.batches.errors import BatchPartLost, LeaseLost
from mlworker.batches.limits import READING_SECONDS
from mlworker.batches.mending import parts_mended
from mlworker.batches.models import BatchChunk
from mlworker.batches.parts import Part, file_id, file_key
from mlworker.batches.reading.tables import PARQUET
from mlworker.batches.rows import QUEUE, batch_move, batch_of_worker
from mlworker.batches.states import BatchState
from mlworker.batches.working import Work, chunk_rows, fault_of, kept, lease_renew
from mlworker.batches.writing import DELIMITERS, Table, csv_header
from tenants.datasets.contracts import FilePurpose
from tenants.datasets.services import file_add_stored

FORGET: Final = "batches.forget"
_BLOCK: Final = 1024 * 1024
_ENDINGS: Final = {"json": "jsonl", "conll": "jsonl"}


def batch_end(
    work: Work,
    state: BatchState,
    *,
    errors: list[dict[str, Any]] | None = None,
) -> None:
    """Put together what there is, release what is not used, and move the batch to ``state``."""
    parts, told = chunk_rows(work.claim), list(errors or [])
    try:
        _put_together(work, state, parts, told)
    except FileNotFoundError:
        if work.serves is None:
            raise
        parts, lost = parts_mended(work, work.serves, parts)
        if lost:
            told.append(fault_of(BatchPartLost(lost)))
        _put_together(work, state, parts, told)


def _put_together(
    work: Work, state: BatchState, parts: list[Part], errors: list[dict[str, Any]]
) -> None:
    claim = work.claim
    outputs = [part.output for part in parts if part.output]
    problems = [part.errors for part in parts if part.errors]
    made: dict[str, StoredObject] = {}
    try:
        if outputs:
            made["output"] = _stored(claim, "output", outputs, _writer(work.table))
        if problems:
            made["errors"] = _stored(claim, "errors", problems, _concatenated)
        _write(work, state, made, parts, errors)
    except (LeaseLost, FileNotFoundError):
        for stored in made.values():
            object_delete(stored.key)
        raise


def _write(
    work: Work,
    state: BatchState,
    made: dict[str, StoredObject],
    parts: list[Part],
    errors: list[dict[str, Any]],
) -> None:
    claim, lost = work.claim, [part for part in parts if part.lost]
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        ids: dict[str, UUID] = {}
        for kind, stored in made.items():
            ids[kind] = file_id(claim, kind)
            file_add_stored(
                organization=claim.organization,
                actor=SYSTEM_ACTOR,
                file_id=ids[kind],
                stored=stored,
                filename=_filename(work, kind),
                purpose=FilePurpose.BATCH_OUTPUT,
            )
        row.output_file_id, row.error_file_id = ids.get("output"), ids.get("errors")
        row.errors = errors
        rest_release(row)
        answers = sum(part.requests - part.failed for part in lost)
        row.completed, row.failed = row.completed - answers, row.failed + answers
        lost_refund(row, items=sum(part.items for part in lost))
        batch_move(row, state)
        row.save()
        if row.chunks:
            payload = {
                "batch_id": str(row.id),
                "organization_id": str(row.organization_id),
                "slug": row.organization_slug,
            }
            outbox_add(task=FORGET, queue=QUEUE, payload=payload)


def chunk_objects(batch_id: UUID) -> list[str]:
    """Return the keys of a batch's chunks, in the open scope."""
    rows = BatchChunk.objects.filter(batch_id=batch_id)
    return [key for pair in rows.values_list("output_key", "error_key") for key in pair if key]


Lines = str | bytes
"""A part's lines, or the key that they lie under."""
Writer = Callable[[Iterable[Lines], IO[bytes]], None]


def _stored(claim: Claim, kind: str, parts: list[Lines], write: Writer) -> StoredObject:
    """Write a file from its parts, on disk, and store it. FileNotFoundError: one is gone."""
    with tempfile.TemporaryFile() as whole:
        write(kept(claim, parts), whole)  # many vectors are fetched for minutes
        whole.seek(0)
        lease_renew(claim, READING_SECONDS)
        return object_put(file_key(claim, kind), cast("BinaryIO", whole))


def _writer(table: Table | None) -> Writer:
    if table is None:
        return _concatenated
    if table.kind == PARQUET:
        return _row_groups
    if table.kind not in DELIMITERS:
        return _concatenated

    def delimited(parts: Iterable[Lines], whole: IO[bytes]) -> None:
        whole.write(csv_header(table))
        _concatenated(parts, whole)

    return delimited


def _concatenated(parts: Iterable[Lines], whole: IO[bytes]) -> None:
    for part in parts:
        with _opened(part) as lines:
            while block := lines.read(_BLOCK):
                whole.write(block)


def _opened(part: Lines) -> BinaryIO:
    return io.BytesIO(part) if isinstance(part, bytes) else object_open(part)


def _row_groups(parts: Iterable[Lines], whole: IO[bytes]) -> None:
    writer: pq.ParquetWriter | None = None
    for part in parts:
        with _opened(part) as stored:
            rows = pq.read_table(stored)
        if writer is None:
            writer = pq.ParquetWriter(whole, rows.schema)
        writer.write_table(rows)
    if writer is not None:
        writer.close()


def _filename(work: Work, kind: str) -> str:
    """Return a name that says what it is of: the input's own, with what was done."""
    stem, _, ending = work.filename.rpartition(".")
    stem, ending = (stem, ending) if stem else (ending, "jsonl")
    table = work.table
    if kind == "errors" or table is None:
        return f"{stem[:200] or 'batch'}-{kind}.jsonl"
    return f"{stem[:200] or 'batch'}-{kind}.{_ENDINGS.get(table.kind, table.kind)}"
