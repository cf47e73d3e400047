"""Reading batches."""

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.batches.contracts import BATCH_PREFIX, BatchInfo
from mlworker.batches.errors import BatchNotFound
from mlworker.batches.models import Batch
from mlworker.batches.states import BatchState, Form


def batch_rows(*, organization: OrganizationRef) -> QuerySet[Batch]:
    """Return the organization's batches, for a page of them. Rows: inside this app only."""
    require_scope(organization)
    return Batch.objects.all()


def batch_get(*, organization: OrganizationRef, batch_id: UUID) -> BatchInfo:
    """Return a batch; BatchNotFound."""
    row = batch_rows(organization=organization).filter(id=batch_id).first()
    if row is None:
        raise BatchNotFound
    return batch_info(row)


def batch_find(*, organization: OrganizationRef, reference: str) -> BatchInfo:
    """Return a batch by its public id; NotFound."""
    return batch_get(organization=organization, batch_id=parse_id(BATCH_PREFIX, reference))


def batch_info(row: Batch) -> BatchInfo:
    """Return a row as callers see it."""
    return BatchInfo(
        id=row.id,
        state=BatchState(row.state),
        form=Form(row.form),
        endpoint=row.endpoint,
        model=row.model,
        text_column=row.text_column,
        input_file_id=row.input_file_id,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        window_hours=row.window_hours,
        metadata=row.metadata,
        total=row.total,
        completed=row.completed,
        failed=row.failed,
        items=row.items,
        charged=row.charged,
        errors=tuple(row.errors),
        revision=row.revision,
        created_at=row.created_at,
        expires_at=row.expires_at,
        moments={
            state: datetime.fromtimestamp(seconds, UTC) for state, seconds in row.moments.items()
        },
    )
