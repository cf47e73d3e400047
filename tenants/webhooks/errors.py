"""Refusals of the webhooks app. Each code has its line in docs/errors.md."""

from anneal.kernel.errors import Conflict, InvalidRequest


class WebhookUrlInvalid(InvalidRequest):
    """The address is none that events may be sent to."""

    code = "webhook_url_invalid"
    message = "The url must be a public https address such as https://example.com/hooks/anneal."


class EventTypeUnknown(InvalidRequest):
    """A webhook asks for events that do not exist."""

    code = "event_type_unknown"
    message = "No such event type: see GET /v1/webhooks/event_types."


class TooManyWebhooks(Conflict):
    """An organization has a bounded number of webhooks."""

    code = "too_many_webhooks"
    message = "An organization has at most 10 webhooks: delete one that is not needed any more."


class WebhookDisabled(Conflict):
    """Nothing is sent to a webhook that is switched off."""

    code = "webhook_disabled"
    message = "This webhook is disabled: enable it first."
