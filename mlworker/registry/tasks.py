"""Background work of the registry."""

import threading
from typing import Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from anneal.kernel.storage import object_delete
from anneal.kernel.tasks import task
from mlworker.registry.exports.reaping import exports_reap
from mlworker.registry.exports.working import export_make

_one_export: Final = threading.Lock()


@task(name="registry.artifact_delete", queue="default")
def artifact_delete(key: str) -> None:
    """Delete the files of a version that is gone."""
    object_delete(key)


@task(name="registry.export", queue="default")
def export(export_id: str, organization_id: str, slug: str) -> None:
    """Make an export, one at a time in this worker: its other threads have short work waiting.

    A ring that finds one under way is let go: the reaper rings again.
    """
    if not _one_export.acquire(blocking=False):
        return
    try:
        export_make(
            organization=OrganizationRef(UUID(organization_id), slug), export_id=UUID(export_id)
        )
    finally:
        _one_export.release()


@task(name="registry.exports_reap", queue="default", every=10.0)
def reap() -> None:
    """Ring again for exports whose ring or worker was lost."""
    exports_reap()
