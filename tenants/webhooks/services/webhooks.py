"""Webhooks made, changed, given a new secret, removed."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope, scope_lock
from tenants.webhooks.addresses import url_read
from tenants.webhooks.contracts import (
    WEBHOOK_PREFIX,
    DeliveryState,
    DisabledReason,
    WebhookInfo,
    WebhookMade,
)
from tenants.webhooks.errors import EventTypeUnknown, TooManyWebhooks
from tenants.webhooks.models import Delivery, Webhook
from tenants.webhooks.registry import event_types as registered_types
from tenants.webhooks.rows import webhook_info, webhook_row
from tenants.webhooks.signing import secret_make, secret_seal

MAX_WEBHOOKS: Final = 10
OVERLAP: Final = timedelta(hours=24)
"""How long a replaced secret goes on signing beside the new one."""


def webhook_create(
    *,
    organization: OrganizationRef,
    actor: Actor,
    url: str,
    description: str = "",
    event_types: list[str] | None = None,
    enabled: bool = True,
) -> WebhookMade:
    """Make a webhook and its secret.

    Raises WebhookUrlInvalid, EventTypeUnknown, TooManyWebhooks.
    """
    require_scope(organization)
    url_read(url)
    row = Webhook(
        organization_id=organization.id,
        url=url,
        description=description.strip(),
        event_types=_types(event_types or []),
        enabled=enabled,
        disabled_reason=DisabledReason.NONE if enabled else DisabledReason.MANUAL,
        disabled_at=None if enabled else clock.now(),
    )
    _require_room(organization)
    secret = secret_make()
    row.secret = secret_seal(secret)
    row.save(force_insert=True)
    _audit(organization, actor, "webhook.create", row, event_types=row.event_types)
    return WebhookMade(webhook_info(row), secret)


def webhook_change(
    *,
    organization: OrganizationRef,
    actor: Actor,
    webhook_id: UUID,
    url: str | None = None,
    description: str | None = None,
    event_types: list[str] | None = None,
    enabled: bool | None = None,
) -> WebhookInfo:
    """Change what is given. Enabling forgets past failures; disabling ends what waits.

    Raises WebhookUrlInvalid, EventTypeUnknown.
    """
    require_scope(organization)
    row = webhook_row(webhook_id, lock=True)
    changed: dict[str, object] = {}
    if url is not None and url != row.url:
        url_read(url)
        row.url, changed["url"] = url, True
    if description is not None and description.strip() != row.description:
        row.description = changed["description"] = description.strip()
    if event_types is not None and _types(event_types) != row.event_types:
        row.event_types = changed["event_types"] = _types(event_types)
    if enabled is not None and enabled != row.enabled:
        changed["enabled"] = enabled
        if enabled:
            _enable(row)
        else:
            _switch_off(row, DisabledReason.MANUAL)
    if changed:
        row.save()
        _audit(organization, actor, "webhook.change", row, **changed)
    return webhook_info(row)


def webhook_delete(*, organization: OrganizationRef, actor: Actor, webhook_id: UUID) -> None:
    """Remove a webhook with its deliveries. Events that others heard of too stay with theirs."""
    require_scope(organization)
    # The whole lock: events being added just now come before it, and go with the rest.
    row: Webhook | None = Webhook.objects.select_for_update().filter(id=webhook_id).first()
    if row is None:
        raise NotFound
    Delivery.objects.filter(webhook_id=row.id).delete()
    _audit(organization, actor, "webhook.delete", row)
    row.delete()


def webhook_rotate(*, organization: OrganizationRef, actor: Actor, webhook_id: UUID) -> WebhookMade:
    """Give a webhook a new secret; the old one signs beside it for a day."""
    require_scope(organization)
    row = webhook_row(webhook_id, lock=True)
    secret = secret_make()
    row.old_secret, row.old_secret_until = row.secret, clock.now() + OVERLAP
    row.secret = secret_seal(secret)
    row.save(update_fields=["secret", "old_secret", "old_secret_until"])
    _audit(organization, actor, "webhook.rotate", row, old_until=row.old_secret_until.isoformat())
    return WebhookMade(webhook_info(row), secret)


def webhook_disable(organization: OrganizationRef, row: Webhook, reason: DisabledReason) -> None:
    """Switch off a locked webhook because of what its address answers; its people get a mail."""
    _switch_off(row, reason)
    row.told_to, row.told_at = [], None
    row.save()
    _audit(organization, SYSTEM_ACTOR, "webhook.disable", row, reason=str(reason))


def _enable(row: Webhook) -> None:
    row.enabled, row.disabled_reason = True, DisabledReason.NONE
    row.disabled_at = row.failing_since = None


def _switch_off(row: Webhook, reason: DisabledReason) -> None:
    """What waited has failed: whoever enables the webhook again may replay it."""
    row.enabled, row.disabled_reason, row.disabled_at = False, reason, clock.now()
    Delivery.objects.filter(webhook_id=row.id, state=DeliveryState.WAITING).update(
        state=DeliveryState.FAILED, error="webhook_disabled"
    )


def _types(asked: list[str]) -> list[str]:
    known = registered_types()
    for name in asked:
        if name not in known:
            raise EventTypeUnknown(
                f"No event type '{name[:100]}': see GET /v1/webhooks/event_types.",
                param="event_types",
            )
    return sorted(set(asked))


def _require_room(organization: OrganizationRef) -> None:
    scope_lock(f"webhooks:{organization.id}")
    if Webhook.objects.filter(organization_id=organization.id).count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks


def _audit(
    organization: OrganizationRef, actor: Actor, action: str, row: Webhook, **detail: object
) -> None:
    """Note it with the host alone: the rest of a url may be a secret of its own."""
    audit_record(
        actor=actor,
        action=action,
        target=public_id(WEBHOOK_PREFIX, row.id),
        detail={"host": urlsplit(row.url).hostname, **detail},
        organization=organization,
    )
