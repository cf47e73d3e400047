"""`/v1/webhooks`."""

from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page, whole_list
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import Permission
from tenants.webhooks.contracts import (
    DELIVERY_PREFIX,
    EVENT_PREFIX,
    WEBHOOK_PREFIX,
    DeliveryInfo,
    DeliveryState,
    WebhookInfo,
    WebhookMade,
)
from tenants.webhooks.registry import event_types
from tenants.webhooks.rows import delivery_info, webhook_info
from tenants.webhooks.schemas import (
    DeliveryListOut,
    DeliveryOut,
    EventTypeListOut,
    ReplayBody,
    ReplayOut,
    WebhookChange,
    WebhookCreate,
    WebhookDeletedOut,
    WebhookListOut,
    WebhookMadeOut,
    WebhookOut,
)
from tenants.webhooks.selectors import deliveries_of, delivery_get, webhook_get, webhooks_of
from tenants.webhooks.services.deliveries import (
    deliveries_replay,
    delivery_resend,
    webhook_test,
)
from tenants.webhooks.services.webhooks import (
    webhook_change,
    webhook_create,
    webhook_delete,
    webhook_rotate,
)


class WebhooksView(TenantView):
    """List and make webhooks."""

    permission = Permission.WEBHOOKS

    @extend_schema(operation_id="webhooks_list", responses=WebhookListOut)
    def get(self, request: Request) -> Response:
        """List the webhooks."""
        rows = webhooks_of(organization=self.organization)
        return Response(
            page(
                rows,
                request,
                prefix=WEBHOOK_PREFIX,
                render=lambda row: webhook_json(webhook_info(row)),
            )
        )

    @extend_schema(
        operation_id="webhooks_create", request=WebhookCreate, responses={201: WebhookMadeOut}
    )
    def post(self, request: Request) -> Response:
        """Make a webhook; the answer holds its secret, this once."""
        body = self.body(WebhookCreate)
        made = webhook_create(organization=self.organization, actor=self.actor, **body)
        return Response(_made_json(made), status=status.HTTP_201_CREATED)


class EventTypesView(TenantView):
    """What a webhook may hear of."""

    permission = Permission.WEBHOOKS

    @extend_schema(operation_id="webhooks_event_types", responses=EventTypeListOut)
    def get(self, request: Request) -> Response:
        """List the event types."""
        return Response(
            whole_list(
                [
                    {"id": name, "object": "webhook.event_type", "description": text}
                    for name, text in event_types().items()
                ]
            )
        )


class WebhookView(TenantView):
    """One webhook."""

    permission = Permission.WEBHOOKS
    located: WebhookInfo

    def locate(self, request: Request, **ids: str) -> WebhookInfo:
        """Find the webhook."""
        return webhook_get(
            organization=self.organization, webhook_id=parse_id(WEBHOOK_PREFIX, ids["webhook_id"])
        )

    @extend_schema(operation_id="webhooks_retrieve", responses=WebhookOut)
    def get(self, request: Request, webhook_id: str) -> Response:
        """Read a webhook."""
        return Response(webhook_json(self.located))

    @extend_schema(operation_id="webhooks_change", request=WebhookChange, responses=WebhookOut)
    def patch(self, request: Request, webhook_id: str) -> Response:
        """Change address, description, types, or switch it on or off."""
        changed = webhook_change(
            organization=self.organization,
            actor=self.actor,
            webhook_id=self.located.id,
            **self.body(WebhookChange),
        )
        return Response(webhook_json(changed))

    @extend_schema(operation_id="webhooks_delete", request=None, responses={200: WebhookDeletedOut})
    def delete(self, request: Request, webhook_id: str) -> Response:
        """Remove a webhook and its deliveries."""
        webhook_delete(organization=self.organization, actor=self.actor, webhook_id=self.located.id)
        return Response({"id": self.located.public_id, "object": "webhook", "deleted": True})


class _OfWebhook(TenantView):
    """A view of something below a webhook."""

    permission = Permission.WEBHOOKS
    located: WebhookInfo
    locate = WebhookView.locate


class RotateView(_OfWebhook):
    """A new secret."""

    @extend_schema(operation_id="webhooks_rotate", request=None, responses={200: WebhookMadeOut})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Make a new secret; the old one signs beside it for 24 hours."""
        made = webhook_rotate(
            organization=self.organization, actor=self.actor, webhook_id=self.located.id
        )
        return Response(_made_json(made))


class TestEventView(_OfWebhook):
    """A test event."""

    @extend_schema(operation_id="webhooks_test", request=None, responses={202: DeliveryOut})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Send a test event."""
        sent = webhook_test(
            organization=self.organization, actor=self.actor, webhook_id=self.located.id
        )
        return Response(delivery_json(sent), status=status.HTTP_202_ACCEPTED)


class ReplayView(_OfWebhook):
    """What failed, once more."""

    @extend_schema(operation_id="webhooks_replay", request=ReplayBody, responses={202: ReplayOut})
    def post(self, request: Request, webhook_id: str) -> Response:
        """Send again what failed of the events since a moment."""
        again = deliveries_replay(
            organization=self.organization,
            actor=self.actor,
            webhook_id=self.located.id,
            since=self.body(ReplayBody)["since"],
        )
        return Response(
            {"object": "webhook.replay", "deliveries": again}, status=status.HTTP_202_ACCEPTED
        )


class DeliveriesView(_OfWebhook):
    """The deliveries of a webhook."""

    @extend_schema(
        operation_id="webhooks_deliveries_list",
        parameters=[OpenApiParameter("state", enum=[state.value for state in DeliveryState])],
        responses=DeliveryListOut,
    )
    def get(self, request: Request, webhook_id: str) -> Response:
        """List the deliveries of the last 30 days, newest first."""
        rows = deliveries_of(
            organization=self.organization,
            webhook_id=self.located.id,
            state=_state(request.query_params.get("state")),
        )
        return Response(
            page(
                rows,
                request,
                prefix=DELIVERY_PREFIX,
                render=lambda row: delivery_json(delivery_info(row)),
            )
        )


class ResendView(TenantView):
    """One event, once more."""

    permission: ClassVar = Permission.WEBHOOKS
    located: tuple[WebhookInfo, DeliveryInfo]

    def locate(self, request: Request, **ids: str) -> tuple[WebhookInfo, DeliveryInfo]:
        """Find the webhook and, among its own, the delivery."""
        webhook = webhook_get(
            organization=self.organization, webhook_id=parse_id(WEBHOOK_PREFIX, ids["webhook_id"])
        )
        delivery = delivery_get(
            organization=self.organization,
            webhook_id=webhook.id,
            delivery_id=parse_id(DELIVERY_PREFIX, ids["delivery_id"]),
        )
        return webhook, delivery

    @extend_schema(operation_id="webhooks_resend", request=None, responses={202: DeliveryOut})
    def post(self, request: Request, webhook_id: str, delivery_id: str) -> Response:
        """Send one event again, under the id it had."""
        webhook, delivery = self.located
        sent = delivery_resend(
            organization=self.organization,
            actor=self.actor,
            webhook_id=webhook.id,
            delivery_id=delivery.id,
        )
        return Response(delivery_json(sent), status=status.HTTP_202_ACCEPTED)


def webhook_json(webhook: WebhookInfo) -> dict[str, Any]:
    """Render a webhook."""
    return {
        "id": webhook.public_id,
        "object": "webhook",
        "url": webhook.url,
        "description": webhook.description,
        "event_types": list(webhook.event_types),
        "enabled": webhook.enabled,
        "disabled_reason": str(webhook.disabled_reason) or None,
        "disabled_at": _time(webhook.disabled_at),
        "failing_since": _time(webhook.failing_since),
        "old_secret_until": _time(webhook.old_secret_until),
        "created_at": _time(webhook.created_at),
    }


def delivery_json(delivery: DeliveryInfo) -> dict[str, Any]:
    """Render a delivery."""
    return {
        "id": public_id(DELIVERY_PREFIX, delivery.id),
        "object": "webhook.delivery",
        "event": public_id(EVENT_PREFIX, delivery.event_id),
        "event_type": delivery.event_type,
        "event_created_at": _time(delivery.event_at),
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "response_status": delivery.response_status,
        "error": delivery.error or None,
        "duration_ms": delivery.duration_ms,
        "last_attempt_at": _time(delivery.last_attempt_at),
        "next_attempt_at": _time(delivery.next_attempt_at),
        "delivered_at": _time(delivery.delivered_at),
    }


def _made_json(made: WebhookMade) -> dict[str, Any]:
    return {**webhook_json(made.webhook), "secret": made.secret}


def _state(text: str | None) -> DeliveryState | None:
    if text is None:
        return None
    if text not in set(DeliveryState):
        raise InvalidRequest(
            f"state is one of {', '.join(DeliveryState)}, or left out for all.", param="state"
        )
    return DeliveryState(text)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
