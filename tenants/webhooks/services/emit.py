"""From a fact to deliveries that wait, in the transaction of the fact: both are, or neither is."""

import json
from typing import Any, Final

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import require_scope
from tenants.webhooks.contracts import EVENT_PREFIX, Fact
from tenants.webhooks.models import Delivery, WebhookEvent

DELIVER_TASK: Final = "webhooks.deliver"

_LISTENING: Final = """
SELECT id FROM webhooks_webhook
WHERE organization_id = %s AND enabled AND (event_types = '{}' OR %s = ANY (event_types))
ORDER BY id FOR KEY SHARE
"""
"""The lock lets attempts and changes pass. Without it a webhook that is deleted at this moment
would fail the transaction of the fact, such as a job's end."""


def fact_emit(fact: Fact) -> None:
    """Tell every webhook that wants to hear of this type. With none there is nothing to keep."""
    require_scope(fact.organization)
    with connection.cursor() as cursor:
        cursor.execute(_LISTENING, [fact.organization.id, fact.type])
        listening = [webhook_id for (webhook_id,) in cursor.fetchall()]
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
