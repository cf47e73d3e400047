"""Deliveries that a person asks for: a test, one again, all that failed."""

from datetime import datetime
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound, RateLimited
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.webhooks.contracts import (
    DELIVERY_PREFIX,
    TEST_EVENT,
    WEBHOOK_PREFIX,
    DeliveryInfo,
    DeliveryState,
    Fact,
)
from tenants.webhooks.errors import WebhookDisabled
from tenants.webhooks.models import Delivery, Webhook
from tenants.webhooks.rows import delivery_info, webhook_row
from tenants.webhooks.services.emit import DELIVER_TASK, event_send

MAX_WAITING_TESTS: Final = 10
"""More would make us a tool for calling an address that never asked for it."""


def webhook_test(*, organization: OrganizationRef, actor: Actor, webhook_id: UUID) -> DeliveryInfo:
    """Send a test event, whatever types the webhook wants. Raises WebhookDisabled, RateLimited."""
    require_scope(organization)
    row = _ready(webhook_id)
    waiting = Delivery.objects.filter(webhook_id=row.id, state=DeliveryState.WAITING)
    if waiting.filter(event__type=TEST_EVENT).count() >= MAX_WAITING_TESTS:
        raise RateLimited(
            f"{MAX_WAITING_TESTS} test events wait for this webhook already: see why they fail.",
            retry_after=60,
        )
    named = public_id(WEBHOOK_PREFIX, row.id)
    (delivery,) = event_send(Fact(organization, TEST_EVENT, {"id": named}), [row.id])
    audit_record(
        actor=actor, action="webhook.test", target=named, detail={}, organization=organization
    )
    return delivery_info(delivery)


def delivery_resend(
    *, organization: OrganizationRef, actor: Actor, webhook_id: UUID, delivery_id: UUID
) -> DeliveryInfo:
    """Send one event again, under its own id, now and as often as a new one. WebhookDisabled."""
    require_scope(organization)
    row = _ready(webhook_id)
    delivery: Delivery | None = (
        Delivery.objects.select_related("event")
        .select_for_update(of=("self",), no_key=True)
        .filter(id=delivery_id, webhook_id=row.id)
        .first()
    )
    if delivery is None:
        raise NotFound
    delivery.state, delivery.tries, delivery.next_attempt_at = DeliveryState.WAITING, 0, clock.now()
    delivery.save(update_fields=["state", "tries", "next_attempt_at"])
    outbox_add(task=DELIVER_TASK, queue="default", payload={})
    audit_record(
        actor=actor,
        action="webhook.resend",
        target=public_id(DELIVERY_PREFIX, delivery.id),
        detail={"webhook": public_id(WEBHOOK_PREFIX, row.id), "type": delivery.event.type},
        organization=organization,
    )
    return delivery_info(delivery)


def deliveries_replay(
    *, organization: OrganizationRef, actor: Actor, webhook_id: UUID, since: datetime
) -> int:
    """Send again what failed of the events since a moment; return how many. WebhookDisabled."""
    require_scope(organization)
    row = _ready(webhook_id)
    again = Delivery.objects.filter(
        webhook_id=row.id, state=DeliveryState.FAILED, event__created_at__gte=since
    ).update(state=DeliveryState.WAITING, tries=0, next_attempt_at=clock.now())
    if again:
        outbox_add(task=DELIVER_TASK, queue="default", payload={})
    audit_record(
        actor=actor,
        action="webhook.replay",
        target=public_id(WEBHOOK_PREFIX, row.id),
        detail={"since": since.isoformat(), "deliveries": again},
        organization=organization,
    )
    return again


def _ready(webhook_id: UUID) -> Webhook:
    row = webhook_row(webhook_id, lock=True)
    if not row.enabled:
        raise WebhookDisabled
    return row
