"""Bodies and answers of `/v1/webhooks`."""

from typing import Any

from rest_framework import serializers

from tenants.webhooks.contracts import DeliveryState, DisabledReason

_STATES = [state.value for state in DeliveryState]
_REASONS = [reason.value for reason in DisabledReason if reason]
_ALL = "The types it hears of; an empty list means all."


class WebhookCreate(serializers.Serializer[Any]):
    """The body of a new webhook."""

    url = serializers.CharField(max_length=2000)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=100, help_text=_ALL
    )
    enabled = serializers.BooleanField(default=True)


class WebhookChange(serializers.Serializer[Any]):
    """What of a webhook may be changed."""

    url = serializers.CharField(max_length=2000, required=False)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=100, help_text=_ALL
    )
    enabled = serializers.BooleanField(required=False)


class ReplayBody(serializers.Serializer[Any]):
    """From when on what failed is sent again."""

    since = serializers.DateTimeField()


class WebhookOut(serializers.Serializer[Any]):
    """A webhook as it is listed."""

    id = serializers.CharField()
    object = serializers.CharField()
    url = serializers.CharField()
    description = serializers.CharField()
    event_types = serializers.ListField(child=serializers.CharField(), help_text=_ALL)
    enabled = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(choices=_REASONS, allow_null=True)
    disabled_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(
        allow_null=True, help_text="The first failure after the last success."
    )
    old_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then the secret before this one signs too."
    )
    created_at = serializers.DateTimeField()


class WebhookMadeOut(WebhookOut):
    """A webhook with a new secret: the only answer that holds it."""

    secret = serializers.CharField(help_text="`whsec_...`. It is shown this once.")


class WebhookListOut(serializers.Serializer[Any]):
    """Webhooks, newest first."""

    object = serializers.CharField()
    data = WebhookOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()


class WebhookDeletedOut(serializers.Serializer[Any]):
    """What remains of a deleted webhook."""

    id = serializers.CharField()
    object = serializers.CharField()
    deleted = serializers.BooleanField()


class DeliveryOut(serializers.Serializer[Any]):
    """One event on its way to one webhook."""

    id = serializers.CharField()
    object = serializers.CharField()
    event = serializers.CharField(help_text="The event's id, as in the header `webhook-id`.")
    event_type = serializers.CharField()
    event_created_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=_STATES)
    attempts = serializers.IntegerField()
    response_status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="A word, such as `timeout`.")
    duration_ms = serializers.IntegerField(allow_null=True)
    last_attempt_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class DeliveryListOut(serializers.Serializer[Any]):
    """Deliveries, newest first."""

    object = serializers.CharField()
    data = DeliveryOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()


class ReplayOut(serializers.Serializer[Any]):
    """How many deliveries wait again."""

    object = serializers.CharField()
    deliveries = serializers.IntegerField()


class EventTypeOut(serializers.Serializer[Any]):
    """A type a webhook may hear of."""

    id = serializers.CharField()
    object = serializers.CharField()
    description = serializers.CharField()


class EventTypeListOut(serializers.Serializer[Any]):
    """Every type there is."""

    object = serializers.CharField()
    data = EventTypeOut(many=True)  # type: ignore[assignment] # a field here, as in the answer
    has_more = serializers.BooleanField()
