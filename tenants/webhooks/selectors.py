"""What may be read about webhooks and their deliveries."""

from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel.errors import NotFound
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.webhooks.contracts import DeliveryInfo, DeliveryState, WebhookInfo
from tenants.webhooks.models import Delivery, Webhook
from tenants.webhooks.rows import delivery_info, webhook_info, webhook_row


def webhooks_of(*, organization: OrganizationRef) -> QuerySet[Webhook]:
    """Return the organization's webhooks."""
    require_scope(organization)
    return Webhook.objects.filter(organization_id=organization.id)


def webhook_get(*, organization: OrganizationRef, webhook_id: UUID) -> WebhookInfo:
    """Read one webhook."""
    require_scope(organization)
    return webhook_info(webhook_row(webhook_id))


def deliveries_of(
    *, organization: OrganizationRef, webhook_id: UUID, state: DeliveryState | None = None
) -> QuerySet[Delivery]:
    """Return a webhook's deliveries with their events, of one state or all."""
    require_scope(organization)
    rows = Delivery.objects.filter(
        organization_id=organization.id, webhook_id=webhook_id
    ).select_related("event")
    return rows if state is None else rows.filter(state=state)


def delivery_get(
    *, organization: OrganizationRef, webhook_id: UUID, delivery_id: UUID
) -> DeliveryInfo:
    """Read one delivery of a webhook."""
    rows = deliveries_of(organization=organization, webhook_id=webhook_id)
    row = rows.filter(id=delivery_id).first()
    if row is None:
        raise NotFound
    return delivery_info(row)
