"""Keeping what the provider tells, once per event, before anything is done about it."""

from typing import Final

from anneal.kernel import clock
from anneal.kernel.outbox import outbox_add
from billing.payments.contracts import ProviderEvent
from billing.payments.models import ProviderEventRow

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
