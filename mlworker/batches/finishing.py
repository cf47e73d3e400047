"""The end of a batch: its chunks become an output file and an error file, whatever the end is.

Both files have ids that follow from the batch's, so a batch has one of each. Their objects are the
claim's own: a worker that lost the batch and does not know it yet overwrites nothing.
"""

import tempfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO, Final, cast
from uuid import UUID, uuid5

import pyarrow.parquet as pq

from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import tenant_scope
from anneal.kernel.storage import StoredObject, object_delete, object_open, object_put, tenant_key
from mlworker.batches.charging import rest_release
from mlworker.batches.contracts import Claim
from mlworker.batches.errors import LeaseLost
from mlworker.batches.models import BatchChunk
from mlworker.batches.reading.tables import PARQUET
from mlworker.batches.rows import QUEUE, batch_move, batch_of_worker
from mlworker.batches.states import BatchState
from mlworker.batches.working import Work, chunk_rows
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
    made = {
        "output": _stored(claim, "output", outputs, _writer(table)) if outputs else None,
        "errors": _stored(claim, "errors", problems, _concatenated) if problems else None,
    }
    try:
        _write(work, state, made, errors or [])
    except LeaseLost:
        for _, stored in filter(None, made.values()):
            object_delete(stored.key)
        raise


def _write(
    work: Work,
    state: BatchState,
    made: dict[str, tuple[UUID, StoredObject] | None],
    errors: list[dict[str, Any]],
) -> None:
    claim = work.claim
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        ids = {}
        for kind, found in made.items():
            if found is None:
                continue
            file_id, stored = found
            file_add_stored(
                organization=claim.organization,
                actor=SYSTEM_ACTOR,
                file_id=file_id,
                stored=stored,
                filename=_filename(work, kind),
                purpose=FilePurpose.BATCH_OUTPUT,
            )
            ids[kind] = file_id
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


def _stored(
    claim: Claim, kind: str, keys: list[str], write: Callable[[list[str], IO[bytes]], None]
) -> tuple[UUID, StoredObject]:
    """Write a file from its parts, on disk, and store it."""
    file_id = uuid5(claim.batch_id, kind)
    with tempfile.TemporaryFile() as whole:
        write(keys, whole)
        whole.seek(0)
        key = tenant_key(claim.organization, "files", f"{file_id}-{claim.fence}")
        return file_id, object_put(key, cast("BinaryIO", whole))


def _writer(table: Table | None) -> Callable[[list[str], IO[bytes]], None]:
    if table is None:
        return _concatenated
    if table.kind == PARQUET:
        return _row_groups
    if table.kind not in DELIMITERS:
        return _concatenated

    def delimited(keys: list[str], whole: IO[bytes]) -> None:
        whole.write(csv_header(table))
        _concatenated(keys, whole)

    return delimited


def _concatenated(keys: list[str], whole: IO[bytes]) -> None:
    for key in keys:
        with object_open(key) as part:
            while block := part.read(_BLOCK):
                whole.write(block)


def _row_groups(keys: list[str], whole: IO[bytes]) -> None:
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
