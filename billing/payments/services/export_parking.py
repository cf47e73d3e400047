"""What an operator does with rows that Stripe's meters are to be told of: park them, send again."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.payments.contracts import ExportState
from billing.payments.errors import ExportStateWrong
from billing.payments.models import MeterExport
from tenants.accounts.selectors import due_of


def exports_release(*, actor: Actor) -> int:
    """Have what was parked sent again, once its reason is mended; return how many. System scope."""
    rows = list(_in(ExportState.PARKED).select_for_update())
    _wait(MeterExport.objects.filter(id__in=[row.id for row in rows]))
    counts = Counter(row.organization_id for row in rows)
    for owner in due_of((each, each) for each in counts):
        target, told = public_id("org_", owner.id), {"rows": counts[owner.id]}
        _audit(actor, "meter_export.release", owner.organization, target, told)
    return len(rows)


def export_release(*, actor: Actor, export_id: UUID) -> None:
    """Have one that is parked sent again. System scope. Raises ExportStateWrong."""
    row = _one(export_id, ExportState.PARKED)
    _wait(MeterExport.objects.filter(id=row.id))
    _audit_one(actor, "meter_export.release", row, {"meter": row.meter})


def export_park(*, actor: Actor, export_id: UUID, reason: str) -> None:
    """Tell Stripe nothing of one that waits, until it is sent again; those after it go on.

    One that is under way just now may still arrive: sent again, Stripe knows it. System scope.
    Raises ExportStateWrong.
    """
    row = _one(export_id, ExportState.WAITING)
    MeterExport.objects.filter(id=row.id).update(state=ExportState.PARKED.value, error=reason[:500])
    detail = {"meter": row.meter, "error": reason[:500]}
    _audit_one(actor, "meter_export.park", row, detail)


def _in(state: ExportState) -> QuerySet[MeterExport]:
    rows: QuerySet[MeterExport] = MeterExport.objects.filter(state=state)
    return rows


def _one(export_id: UUID, state: ExportState) -> MeterExport:
    row = _in(state).filter(id=export_id).select_for_update().first()
    if row is None:
        raise ExportStateWrong
    return row


def _wait(rows: QuerySet[MeterExport]) -> None:
    rows.update(state=ExportState.WAITING.value, next_try_at=clock.now(), error="")


def _audit_one(actor: Actor, action: str, row: MeterExport, detail: dict[str, Any]) -> None:
    (owner,) = due_of([(row.id, row.organization_id)])
    _audit(actor, action, owner.organization, public_id("mex_", row.id), detail)


def _audit(
    actor: Actor, action: str, organization: OrganizationRef, target: str, detail: dict[str, Any]
) -> None:
    audit_record(
        actor=actor, action=action, target=target, detail=detail, organization=organization
    )
