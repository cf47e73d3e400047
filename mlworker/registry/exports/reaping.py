"""Putting right what a lost message or a dead worker left of an export."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from mlworker.registry.contracts import ExportState
from mlworker.registry.exports.services import export_ring
from mlworker.registry.models import ModelExport

RING_AGAIN: Final = timedelta(seconds=15)
_BATCH: Final = 100


def _stuck() -> Q:
    # A ring that waits behind another export is repeated; the claim lets one of them in.
    waiting = Q(state=ExportState.QUEUED, rung_at__lt=Now() - RING_AGAIN)
    return waiting | Q(state=ExportState.RUNNING, lease_until__lt=Now())


def exports_reap() -> int:
    """Ring again for exports that nobody works on; return how many."""
    with system_scope("export reaper"):
        rows = ModelExport.objects.filter(_stuck()).order_by("created_at")
        found: list[tuple[UUID, UUID, str]] = list(
            rows.values_list("id", "organization_id", "organization_slug")[:_BATCH]
        )
    for export_id, owner, slug in found:
        with tenant_scope(OrganizationRef(owner, slug)):
            row = (
                ModelExport.objects.select_for_update(skip_locked=True)
                .filter(_stuck(), id=export_id)
                .first()
            )
            if row is not None:
                export_ring(row)
    return len(found)
