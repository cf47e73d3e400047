"""From rows to contracts, and the look-ups that services share."""

from uuid import UUID

from anneal.kernel.errors import NotFound
from tenants.webhooks.contracts import (
    DeliveryInfo,
    DeliveryState,
    DisabledReason,
    WebhookInfo,
)
from tenants.webhooks.models import Delivery, Webhook


def webhook_row(webhook_id: UUID, *, lock: bool = False) -> Webhook:
    """Return the open organization's webhook. Locked, no attempt is claimed or booked meanwhile."""
    rows = Webhook.objects.filter(id=webhook_id)
    # No key is changed: events may still be added to its deliveries.
    row: Webhook | None = (rows.select_for_update(no_key=True) if lock else rows).first()
    if row is None:
        raise NotFound
    return row


def webhook_info(row: Webhook) -> WebhookInfo:
    """Copy a row without its secrets."""
    return WebhookInfo(
        id=row.id,
        url=row.url,
        description=row.description,
        event_types=tuple(row.event_types),
        enabled=row.enabled,
        disabled_reason=DisabledReason(row.disabled_reason),
        disabled_at=row.disabled_at,
        failing_since=row.failing_since,
        old_secret_until=row.old_secret_until,
        created_at=row.created_at,
    )


def delivery_info(row: Delivery) -> DeliveryInfo:
    """Copy a delivery; its event is joined."""
    state = DeliveryState(row.state)
    return DeliveryInfo(
        id=row.id,
        event_id=row.event_id,
        event_type=row.event.type,
        event_at=row.event.created_at,
        state=state,
        attempts=row.attempts,
        response_status=row.response_status,
        error=row.error,
        duration_ms=row.duration_ms,
        last_attempt_at=row.last_attempt_at,
        next_attempt_at=row.next_attempt_at if state is DeliveryState.WAITING else None,
        delivered_at=row.delivered_at,
    )
