"""From a fact to deliveries that wait, in the transaction of the fact: both are, or neither is."""

import json
from typing import Any

from django.db.models import Q

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import require_scope
from tenants.webhooks.contracts import EVENT_PREFIX, Fact
from tenants.webhooks.models import Delivery, Webhook, WebhookEvent

DELIVER_TASK = "webhooks.deliver"


def fact_emit(fact: Fact) -> None:
    """Tell every webhook that wants to hear of this type. With none there is nothing to keep."""
    require_scope(fact.organization)
    wanted = Q(event_types=[]) | Q(event_types__contains=[fact.type])
    listening = list(
        Webhook.objects.filter(
            wanted, organization_id=fact.organization.id, enabled=True
        ).values_list("id", flat=True)
    )
    if listening:
        event_send(fact, listening)


def event_send(fact: Fact, webhook_ids: list[Any]) -> list[Delivery]:
    """Keep the event and a delivery for each webhook, and ring for the sender."""
    now = clock.now()
    event = WebhookEvent(id=uuid7(), organization_id=fact.organization.id, type=fact.type, body="")
    # The bytes are made once: every attempt of every webhook sends the same.
    event.body = json.dumps(
        {
            "id": public_id(EVENT_PREFIX, event.id),
            "object": "event",
            "type": fact.type,
            "created_at": int(now.timestamp()),
            "data": dict(fact.data),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    event.save(force_insert=True)
    deliveries = Delivery.objects.bulk_create(
        Delivery(
            organization_id=fact.organization.id,
            webhook_id=webhook_id,
            event=event,
            next_attempt_at=now,
        )
        for webhook_id in webhook_ids
    )
    outbox_add(task=DELIVER_TASK, queue="default", payload={})
    return deliveries
