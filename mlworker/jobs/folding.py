"""What a worker writes about its folds: the predictions they leave."""

from uuid import UUID

from anneal.kernel.scopes import tenant_scope
from anneal.kernel.storage import StoredObject
from mlworker.jobs.contracts import Claim
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.rows import job_of_worker
from mlworker.jobs.states import StoredKind, StoredState


def folds_ready(claim: Claim, stored_id: UUID, stored: StoredObject) -> None:
    """Declare out-of-fold predictions stored; those of an earlier attempt make way."""
    with tenant_scope(claim.organization):
        row = job_of_worker(claim)
        older = StoredFiles.objects.filter(job_id=row.id, kind=StoredKind.FOLDS)
        older.exclude(id=stored_id).update(state=StoredState.DELETING)
        StoredFiles.objects.filter(id=stored_id).update(
            state=StoredState.READY, sha256=stored.sha256, size=stored.size
        )
