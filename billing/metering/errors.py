"""Refusals of metering."""

from anneal.kernel.errors import NotFound


class UsageEventUnknown(NotFound):
    """No such usage event of this organization."""

    code = "usage_event_not_found"
    message = "No such usage event."
