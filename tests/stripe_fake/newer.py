"""What we use of Stripe and its description of 2023-08-16 lacks, in the same form.

Written from the reference of API version 2026-10-28.endive. Checked with the description or
without it.
"""

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "maxLength": 5000}
_MOMENT: Schema = {"type": "integer"}
_FLAG: Schema = {"type": "boolean"}
_WHETHER_TO_KEEP: Schema = {"type": "string", "enum": ["disabled", "enabled"]}


def _word(*words: str) -> Schema:
    return {"type": "string", "enum": list(words)}


def _object(required: list[str] | None = None, /, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required or []}


def _texts() -> Schema:
    return {"type": "array", "items": _TEXT}


_EXPAND: dict[str, Schema] = {"expand": _texts()}
_PAGE: dict[str, Schema] = {
    "starting_after": _TEXT,
    "ending_before": _TEXT,
    "limit": {"type": "integer"},
    **_EXPAND,
}
_RANGE: Schema = {"anyOf": [_object(gt=_MOMENT, gte=_MOMENT, lt=_MOMENT, lte=_MOMENT), _MOMENT]}
_PAYLOAD_KEY = _object(["event_payload_key"], event_payload_key=_TEXT)

ADDED: dict[tuple[str, str], Schema] = {
    ("POST", "/v1/checkout/sessions"): _object(
        adaptive_pricing=_object(enabled=_FLAG),
        saved_payment_method_options=_object(
            allow_redisplay_filters=_texts(),
            payment_method_remove=_WHETHER_TO_KEEP,
            payment_method_save=_WHETHER_TO_KEEP,
        ),
        ui_mode=_word("hosted_page"),
    ),
    ("GET", "/v1/checkout/sessions"): _object(
        created=_RANGE, status=_word("complete", "expired", "open")
    ),
    ("POST", "/v1/payment_methods/{payment_method}"): _object(
        allow_redisplay=_word("always", "limited", "unspecified")
    ),
}
"""Parameters that calls of the description have since been given."""

WORDS: dict[tuple[str, str], list[str]] = {
    ("dispute", "status"): ["prevented", "appeal_needs_response", "appeal_under_review"]
}
"""What fields of its objects have since been able to say besides."""

CALLS: dict[tuple[str, str], Schema] = {
    ("POST", "/v1/billing/meters"): _object(
        ["display_name", "event_name", "default_aggregation"],
        display_name=_TEXT,
        event_name=_TEXT,
        event_time_window=_word("day", "hour"),
        default_aggregation=_object(["formula"], formula=_word("count", "last", "sum")),
        customer_mapping=_object(
            ["event_payload_key", "type"], event_payload_key=_TEXT, type=_word("by_id")
        ),
        value_settings=_PAYLOAD_KEY,
        **_EXPAND,
    ),
    ("GET", "/v1/billing/meters"): _object(status=_word("active", "inactive"), **_PAGE),
    ("GET", "/v1/billing/meters/{id}"): _object(**_EXPAND),
    ("POST", "/v1/billing/meters/{id}"): _object(display_name=_TEXT, **_EXPAND),
    ("POST", "/v1/billing/meters/{id}/deactivate"): _object(**_EXPAND),
    ("POST", "/v1/billing/meters/{id}/reactivate"): _object(**_EXPAND),
    ("GET", "/v1/billing/meters/{id}/event_summaries"): _object(
        ["customer", "start_time", "end_time"],
        customer=_TEXT,
        start_time=_MOMENT,
        end_time=_MOMENT,
        value_grouping_window=_word("day", "hour"),
        **_PAGE,
    ),
    ("POST", "/v1/billing/meter_events"): _object(
        ["event_name", "payload"],
        event_name={"type": "string", "maxLength": 100},
        payload={"type": "object", "additionalProperties": {"type": "string", "maxLength": 100}},
        identifier={"type": "string", "maxLength": 100},
        timestamp=_MOMENT,
        **_EXPAND,
    ),
    ("POST", "/v1/billing/meter_event_adjustments"): _object(
        ["event_name", "type"],
        event_name={"type": "string", "maxLength": 100},
        type=_word("cancel"),
        cancel=_object(identifier={"type": "string", "maxLength": 100}),
        **_EXPAND,
    ),
}
"""Calls that it does not know, with all their parameters."""

_METER = _object(
    ["id", "object", "created", "display_name", "event_name", "status", "updated"],
    id=_TEXT,
    object=_word("billing.meter"),
    created=_MOMENT,
    customer_mapping=_object(["event_payload_key", "type"]),
    default_aggregation=_object(["formula"], formula=_word("count", "last", "sum")),
    display_name=_TEXT,
    event_name=_TEXT,
    event_time_window={**_word("day", "hour"), "nullable": True},
    livemode=_FLAG,
    status=_word("active", "inactive"),
    status_transitions=_object(["deactivated_at"]),
    updated=_MOMENT,
    value_settings=_PAYLOAD_KEY,
)
_SUMMARY = _object(
    ["id", "object", "aggregated_value", "start_time", "end_time", "meter", "livemode"],
    object=_word("billing.meter_event_summary"),
    aggregated_value={"type": "number"},
)


def _list(of: Schema) -> Schema:
    return _object(
        ["object", "data", "has_more", "url"],
        object=_word("list"),
        data={"type": "array", "items": of},
        has_more=_FLAG,
        url=_TEXT,
    )


ANSWERS: dict[tuple[str, str], Schema] = {
    ("POST", "/v1/billing/meters"): _METER,
    ("GET", "/v1/billing/meters"): _list(_METER),
    ("GET", "/v1/billing/meters/{id}"): _METER,
    ("POST", "/v1/billing/meters/{id}"): _METER,
    ("POST", "/v1/billing/meters/{id}/deactivate"): _METER,
    ("POST", "/v1/billing/meters/{id}/reactivate"): _METER,
    ("GET", "/v1/billing/meters/{id}/event_summaries"): _list(_SUMMARY),
    ("POST", "/v1/billing/meter_events"): _object(
        ["object", "created", "event_name", "identifier", "livemode", "payload", "timestamp"],
        object=_word("billing.meter_event"),
        created=_MOMENT,
        identifier=_TEXT,
        payload={"type": "object", "additionalProperties": _TEXT},
        timestamp=_MOMENT,
    ),
    ("POST", "/v1/billing/meter_event_adjustments"): _object(
        ["object", "event_name", "livemode", "status", "type"],
        object=_word("billing.meter_event_adjustment"),
        status=_word("complete", "pending"),
        type=_word("cancel"),
    ),
}
