"""Streamed answers in the OpenAPI file: the field that asks for them, and their last line."""

from typing import Any, Final

STREAMED: Final = ("text/event-stream", "application/x-ndjson")

STREAM: Final[dict[str, Any]] = {
    "type": "boolean",
    "default": False,
    "description": (
        "Send rows as they are answered: events, or lines for `Accept: application/x-ndjson`"
        " (which asks for them by itself). The last is a `StreamEnd`."
    ),
}

STREAM_END: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The last line of a stream; each line before it is an item of `data`.",
    "properties": {
        "object": {"type": "string", "const": "list"},
        "model": {"type": "string"},
        "data": {"type": "array", "maxItems": 0, "items": {}},
        "error": {
            "type": "object",
            "description": "In place of the above where the stream ended early.",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
            "required": ["message", "type", "param", "code"],
        },
        "usage": {"type": "object", "additionalProperties": {"type": "integer"}},
        "metering": {
            "type": "object",
            "properties": {
                "units": {
                    "type": "integer",
                    "description": "Predictions charged: those of the rows above.",
                },
                "queue_ms": {"type": "number", "description": "The longest wait of a part."},
                "inference_ms": {"type": "number", "description": "Of all parts together."},
            },
            "required": ["units", "queue_ms", "inference_ms"],
        },
    },
    "required": ["usage", "metering"],
}
