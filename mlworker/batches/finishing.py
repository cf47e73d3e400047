"""The end of a batch: its chunks become an output file and an error file, whatever the end is."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, BinaryIO, Final, cast
from uuid import UUID

import pyarrow.parquet as pq

from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import tenant_scope
from anneal.kernel.storage import StoredObject, object_delete, object_open, object_put
from mlworker.batches.charging import rest_release
from mlworker.batches.contracts import Claim
from mlworker.batches.errors import LeaseLost
from mlworker.batches.limits import READING_SECONDS, RENEW_SECONDS
from mlworker.batches.models import BatchChunk
from mlworker.batches.parts import file_id, file_key
from mlworker.batches.reading.tables import PARQUET
from mlworker.batches.rows import QUEUE, batch_move, batch_of_worker
from mlworker.batches.states import BatchState
from mlworker.batches.working import Work, chunk_rows, lease_renew
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
    claim, table = work.claim, work.table
    keys = chunk_rows(claim)
    outputs = [output for output, _ in keys if output]
    problems = [error for _, error in keys if error]
    made: dict[str, StoredObject] = {}
    try:
        if outputs:
            made["output"] = _stored(claim, "output", outputs, _writer(table))
        if problems:
            made["errors"] = _stored(claim, "errors", problems, _concatenated)
        _write(work, state, made, errors or [])
    except LeaseLost:
        for stored in made.values():
            object_delete(stored.key)
        raise


def _write(
    work: Work,
    state: BatchState,
    made: dict[str, StoredObject],
    errors: list[dict[str, Any]],
) -> None:
    claim = work.claim
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


Writer = Callable[[Iterable[str], IO[bytes]], None]


def _stored(claim: Claim, kind: str, keys: list[str], write: Writer) -> StoredObject:
    """Write a file from its parts, on disk, and store it."""
    with tempfile.TemporaryFile() as whole:
        write(_kept(claim, keys), whole)
        whole.seek(0)
        lease_renew(claim, READING_SECONDS)
        return object_put(file_key(claim, kind), cast("BinaryIO", whole))


def _kept(claim: Claim, keys: list[str]) -> Iterator[str]:
    """Yield the keys and keep the batch meanwhile: many vectors are fetched for minutes."""
    renewed = time.monotonic()
    for key in keys:
        if time.monotonic() - renewed > RENEW_SECONDS:
            lease_renew(claim, READING_SECONDS)
            renewed = time.monotonic()
        yield key


def _writer(table: Table | None) -> Writer:
    if table is None:
        return _concatenated
    if table.kind == PARQUET:
        return _row_groups
    if table.kind not in DELIMITERS:
        return _concatenated

    def delimited(keys: Iterable[str], whole: IO[bytes]) -> None:
        whole.write(csv_header(table))
        _concatenated(keys, whole)

    return delimited


def _concatenated(keys: Iterable[str], whole: IO[bytes]) -> None:
    for key in keys:
        with object_open(key) as part:
            while block := part.read(_BLOCK):
                whole.write(block)


def _row_groups(keys: Iterable[str], whole: IO[bytes]) -> None:
    writer: pq.ParquetWriter | None = None
    for key in keys:
        with object_open(key) as part:
            rows = pq.read_table(part)
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
