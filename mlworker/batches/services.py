"""What people and keys do with batches."""

from datetime import timedelta
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope, scope_lock
from mlworker.batches.asking import form_of, input_file, member_of
from mlworker.batches.contracts import BATCH_PREFIX, BatchInfo, BatchRequest
from mlworker.batches.errors import BatchesOpen, BatchStateConflict
from mlworker.batches.limits import MAX_OPEN
from mlworker.batches.models import Batch
from mlworker.batches.rows import batch_locked, batch_move, owner_of, ring_workers
from mlworker.batches.selectors import batch_info
from mlworker.batches.serves import serves_find
from mlworker.batches.states import TERMINAL, BatchState


def batch_create(
    *, organization: OrganizationRef, actor: Actor, request: BatchRequest
) -> BatchInfo:
    """Begin a batch; its file is read, and its price held, in the background.

    Refuses before anything is written: an unknown file or model, too many open batches.
    """
    require_scope(organization)
    input_file(organization, request)
    if request.model:
        serves_find(organization=organization, endpoint=request.endpoint, model=request.model)
    scope_lock(f"batches:{organization.id}")
    if Batch.objects.filter(finished_at__isnull=True).count() >= MAX_OPEN:
        raise BatchesOpen
    now = clock.now()
    row = Batch(
        id=uuid7(),
        organization_id=organization.id,
        organization_slug=organization.slug,
        state=BatchState.VALIDATING,
        form=form_of(request),
        created_by=actor.label,
        api_key_id=actor.id if actor.kind == "api_key" else None,
        member_id=member_of(organization, actor),
        endpoint=request.endpoint,
        model=request.model,
        text_column=request.text_column,
        window_hours=request.window_hours,
        metadata=dict(request.metadata),
        input_file_id=request.input_file_id,
        expires_at=now + timedelta(hours=request.window_hours),
        moments={BatchState.VALIDATING.value: now.timestamp()},
    )
    row.save(force_insert=True)
    ring_workers()
    audit_record(
        actor=actor,
        action="batch.create",
        target=public_id(BATCH_PREFIX, row.id),
        detail={"endpoint": request.endpoint, "model": request.model, "form": row.form},
    )
    return batch_info(row)


def batch_cancel(*, organization: OrganizationRef, actor: Actor, batch_id: UUID) -> BatchInfo:
    """End a batch soon: what is answered is kept and paid, the rest is released.

    Cancelling a cancelled batch changes nothing; BatchStateConflict if it ends or ended otherwise.
    """
    require_scope(organization)
    row = batch_locked(batch_id)
    if row.state in (BatchState.CANCELLING, BatchState.CANCELLED):
        return batch_info(row)
    if row.state in TERMINAL or row.state == BatchState.FINALIZING:
        raise BatchStateConflict(f"The batch is {row.state}: it cannot be cancelled any more.")
    _cancel(row, actor)
    return batch_info(row)


def batches_cancel_all(*, organization: OrganizationRef) -> int:
    """Cancel every open batch of a suspended organization; return how many."""
    require_scope(organization)
    rows = list(
        Batch.objects.select_for_update().filter(
            organization_id=organization.id,
            state__in=(BatchState.VALIDATING, BatchState.IN_PROGRESS),
        )
    )
    for row in rows:
        _cancel(row, SYSTEM_ACTOR)
    return len(rows)


def _cancel(row: Batch, actor: Actor) -> None:
    batch_move(row, BatchState.CANCELLING)
    row.save()
    ring_workers()
    audit_record(
        actor=actor,
        action="batch.cancel",
        target=public_id(BATCH_PREFIX, row.id),
        organization=owner_of(row),
    )
