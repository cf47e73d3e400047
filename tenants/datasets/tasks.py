"""Background builds: five-line tasks around the version services."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.tasks import task
from tenants.datasets.contracts import VersionStatus
from tenants.datasets.errors import UploadRefused
from tenants.datasets.models import DatasetVersion
from tenants.datasets.services.versions import (
    BUILD_TASK,
    MAX_ATTEMPTS,
    build_claim,
    build_finish,
    build_give_up,
    build_ring,
    claimed_build,
    parquet_put,
)

GRACE: Final = timedelta(seconds=60)
_BATCH: Final = 50


@task(name=BUILD_TASK, queue="default")
def build(organization_id: str, version_id: str) -> None:
    """Build one version: claim, read without a transaction, finish."""
    # A slug names models; nothing here does.
    organization = OrganizationRef(id=UUID(organization_id), slug="")
    with tenant_scope(organization):
        row = build_claim(organization=organization, version_id=UUID(version_id))
    if row is None:
        return
    built = claimed_build(row)
    key = "" if isinstance(built, UploadRefused) else parquet_put(organization, row.id, built)
    with tenant_scope(organization):
        build_finish(
            organization=organization,
            version_id=row.id,
            attempt=row.attempts,
            built=built,
            storage_key=key,
        )


@task(name="datasets.sweep", queue="default", every=60.0)
def sweep() -> None:
    """Ring again for versions whose build was lost or died; give up on those that died often."""
    with system_scope("dataset builds that died"):
        abandoned = (
            DatasetVersion.objects.select_for_update(skip_locked=True)
            .filter(status=VersionStatus.PROCESSING, created_at__lt=Now() - GRACE)
            .filter(Q(claimed_until=None) | Q(claimed_until__lt=Now()))
            .order_by("created_at")[:_BATCH]
        )
        for row in abandoned:
            if row.attempts >= MAX_ATTEMPTS:
                build_give_up(row)
            else:
                build_ring(organization_id=row.organization_id, version_id=row.id)
