"""Webhooks, events and deliveries of tests."""

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.webhooks.contracts import Fact, WebhookMade
from tenants.webhooks.models import Delivery, Webhook
from tenants.webhooks.services.emit import fact_emit
from tenants.webhooks.services.webhooks import webhook_create


def make_webhook(
    organization: OrganizationRef, url: str, *event_types: str, enabled: bool = True
) -> WebhookMade:
    with tenant_scope(organization):
        return webhook_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            url=url,
            event_types=list(event_types),
            enabled=enabled,
        )


def emit(organization: OrganizationRef, type_: str = "dataset.ready", **data: object) -> None:
    with tenant_scope(organization):
        fact_emit(Fact(organization, type_, data or {"id": "ds_1"}))


def deliveries(organization: OrganizationRef) -> list[Delivery]:
    with tenant_scope(organization):
        return list(Delivery.objects.select_related("event").order_by("id"))


def only_webhook(organization: OrganizationRef) -> Webhook:
    with tenant_scope(organization):
        row: Webhook = Webhook.objects.get()
        return row
