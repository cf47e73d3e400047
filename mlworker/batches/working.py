"""What a worker writes about its batch. Every function opens its own scope, locks the row by the
claim's fence and raises LeaseLost when the claim is no longer good: then nothing is written.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import tenant_scope
from mlworker.batches.charging import batch_hold, chunk_charge
from mlworker.batches.chunks import Chunk
from mlworker.batches.contracts import Claim
from mlworker.batches.errors import BatchInputGone, LeaseLost
from mlworker.batches.limits import LEASE_SECONDS, READING_SECONDS, RENEW_SECONDS
from mlworker.batches.models import Batch, BatchChunk
from mlworker.batches.parts import Part
from mlworker.batches.rows import DatabaseClock, batch_move, batch_of_worker, ring_workers
from mlworker.batches.serves import Serves, columns_named, serves_find
from mlworker.batches.states import BatchState, Form
from mlworker.batches.writing import Table
from tenants.datasets.errors import DatasetNotFound
from tenants.datasets.selectors import file_get

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """What a claim asks for, as the row said when it was read."""

    claim: Claim
    state: BatchState
    form: Form
    endpoint: str
    model: str
    serves: Serves | None
    """None until the file is read."""
    text_column: str
    table: Table | None
    """Of a table, once it is read."""
    done: int
    """Requests whose answers are stored."""
    chunks: int
    expires_at: datetime
    stalled: int
    storing_fence: int
    input_key: str
    """Empty when the file is gone."""
    filename: str

    @property
    def expired(self) -> bool:
        """Whether its window is over."""
        return clock.now() >= self.expires_at


@dataclass(frozen=True, slots=True)
class Counted:
    """What a file holds."""

    requests: int
    items: int
    model: str
    text_column: str
    columns: tuple[str, ...]
    kind: str


def _table(row: Batch) -> Table | None:
    told = row.table
    if not told:
        return None
    return Table(told["kind"], tuple(told["columns"]), tuple(told["added"]))


def work_load(claim: Claim) -> Work:
    """Return what to do."""
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        key, name = "", ""
        try:
            found = file_get(organization=claim.organization, file_id=row.input_file_id)
            key, name = found.storage_key, found.filename
        except DatasetNotFound:
            pass  # what to do about it depends on the state
        return Work(
            claim=claim,
            state=BatchState(row.state),
            form=Form(row.form),
            endpoint=row.endpoint,
            model=row.model,
            serves=Serves(**row.serves) if row.serves else None,
            text_column=row.text_column,
            table=_table(row),
            done=row.completed + row.failed,
            chunks=row.chunks,
            expires_at=row.expires_at,
            stalled=row.stalled,
            storing_fence=row.storing_fence,
            input_key=key,
            filename=name,
        )


def storing_begin(claim: Claim) -> None:
    """Nothing of earlier claims is left: from now on it is this one that may store something."""
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        row.storing_fence = claim.fence
        row.save(update_fields=["storing_fence"])


def lease_renew(claim: Claim, seconds: float = LEASE_SECONDS) -> BatchState:
    """Keep the batch for another lease; return its state, which a person may have changed."""
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        row.lease_until = DatabaseClock() + timedelta(seconds=seconds)
        row.save(update_fields=["lease_until"])
        return BatchState(row.state)


def kept(claim: Claim, things: Iterable[T]) -> Iterator[T]:
    """Yield them, and keep the batch meanwhile: what is read for long tells nothing else."""
    renewed = time.monotonic()
    for thing in things:
        if time.monotonic() - renewed > RENEW_SECONDS:
            lease_renew(claim, READING_SECONDS)
            renewed = time.monotonic()
        yield thing


def batch_counted(claim: Claim, counted: Counted) -> None:
    """Begin a batch whose file was read: its model is pinned and its price held, or neither.

    Raises ModelNotFound, QuotaExhausted, LimitReached, AccountParked, OrganizationSuspended.
    """
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        if row.state != BatchState.VALIDATING:
            return  # cancelled meanwhile
        serves = serves_find(
            organization=claim.organization, endpoint=row.endpoint, model=counted.model, keep=True
        )
        row.model, row.serves, row.version_name = serves.model, serves.as_json(), serves.version
        row.total, row.items = counted.requests, counted.items
        if row.form == Form.ROWS:
            row.text_column = counted.text_column
            row.table = {
                "kind": counted.kind,
                "columns": counted.columns,
                "added": columns_named(serves.answer_fields(), counted.columns),
            }
        batch_hold(row, serves)
        batch_move(row, BatchState.IN_PROGRESS)
        row.stalled = 0
        row.save()


def chunk_done(
    claim: Claim, serves: Serves, chunk: Chunk, *, failed: int, output_key: str, error_key: str
) -> BatchState:
    """Write down a chunk whose bytes are stored, and charge it: both or neither, and once.

    Returns the batch's state: a cancel that came meanwhile finds this chunk among what is paid.
    """
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        if chunk.number != row.chunks + 1:
            raise LeaseLost(claim.public_id)
        BatchChunk(
            batch=row,
            number=chunk.number,
            requests=len(chunk.entries),
            failed=failed,
            items=chunk.items,
            output_key=output_key,
            error_key=error_key,
        ).save(force_insert=True)
        row.chunks = chunk.number
        row.failed += failed
        row.completed += len(chunk.entries) - failed
        row.stalled = 0
        row.revision += 1
        row.lease_until = DatabaseClock() + timedelta(seconds=LEASE_SECONDS)
        chunk_charge(row, serves, number=chunk.number, items=chunk.items)
        row.save()
        return BatchState(row.state)


def all_answered(claim: Claim) -> None:
    """Every chunk is stored: what is left is to put the files together."""
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        if row.state == BatchState.IN_PROGRESS:
            batch_move(row, BatchState.FINALIZING)
        row.stalled = 0
        row.save()


def work_give_back(claim: Claim, *, ring: bool = True) -> None:
    """Leave the batch to whoever comes next, without fault."""
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        row.lease_until, row.worker, row.stalled = None, "", 0
        row.save()
        if ring:
            ring_workers()


def work_put_off(claim: Claim) -> None:
    """Leave the batch alone for a lease, without fault: what it needs does not answer."""
    with tenant_scope(claim.organization):
        row = batch_of_worker(claim)
        row.lease_until = DatabaseClock() + timedelta(seconds=LEASE_SECONDS)
        row.worker, row.stalled = "", 0
        row.save()


def fault_of(error: DomainError) -> dict[str, Any]:
    """Return an error as a batch's ``errors`` hold it."""
    line = getattr(error, "row", None)
    return {"code": error.code, "message": error.text, "param": error.param, "line": line}


def chunk_rows(claim: Claim) -> list[Part]:
    """Return what each chunk left, in their order."""
    with tenant_scope(claim.organization):
        batch_of_worker(claim)
        rows = BatchChunk.objects.filter(batch_id=claim.batch_id).order_by("number")
        told = ("number", "requests", "failed", "items", "output_key", "error_key")
        return [Part(*row) for row in rows.values_list(*told)]


def input_required(work: Work) -> str:
    """Return where the input lies. BatchInputGone."""
    if not work.input_key:
        raise BatchInputGone(param="input_file_id")
    return work.input_key
