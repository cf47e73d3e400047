"""Keeping what the provider tells, once per event, before anything is done about it."""

from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import Actor
from billing.payments.contracts import EventState, ProviderEvent
from billing.payments.errors import EventDone
from billing.payments.models import ProviderEventRow
from tenants.accounts.contracts import HOUSE_ORGANIZATION

PROCESS_TASK: Final = "payments.event"


def event_keep(event: ProviderEvent) -> bool:
    """Keep an event and ask for it to be acted on; say whether it is new. System scope.

    Rows are never forgotten: the provider tells again for days what it thinks was not heard.
    """
    row = ProviderEventRow(
        ref=event.ref,
        type=event.type[:100],
        kind=event.kind[:60],
        object_ref=event.object_ref,
        customer_ref=event.customer,
        intent_ref=event.intent,
        occurred_at=event.created_at,
        body=event.body,
        next_try_at=clock.now(),
    )
    ProviderEventRow.objects.bulk_create([row], ignore_conflicts=True)
    if not ProviderEventRow.objects.filter(id=row.id).exists():
        return False
    outbox_add(task=PROCESS_TASK, queue="default", payload={"ref": event.ref})
    return True


def event_replay(*, actor: Actor, event_id: UUID) -> None:
    """Act on an event at once, though its tries are over or not due yet. System scope.

    Raises EventDone for one that was acted on: it stays so.
    """
    if not _again(ProviderEventRow.objects.filter(id=event_id).exclude(state=EventState.DONE)):
        raise EventDone
    ref = ProviderEventRow.objects.values_list("ref", flat=True).get(id=event_id)
    _audit(actor, public_id("evt_", event_id), ref, 1)
    outbox_add(task=PROCESS_TASK, queue="default", payload={"ref": ref})


def events_replay(*, actor: Actor) -> int:
    """Act on every event that failed; return how many there are. System scope.

    They are due then, and worked off as those that are due are: so many at a time.
    """
    count = _again(ProviderEventRow.objects.filter(state=EventState.FAILED))
    _audit(actor, "failed", "", count)
    return count


def _again(rows: QuerySet[ProviderEventRow]) -> int:
    return rows.update(state=EventState.WAITING.value, tries=0, next_try_at=clock.now(), error="")


def _audit(actor: Actor, target: str, ref: str, count: int) -> None:
    audit_record(
        actor=actor,
        action="payment_event.replay",
        target=target,
        detail={"event": ref, "count": count},
        organization=HOUSE_ORGANIZATION,
    )
