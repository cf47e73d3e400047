"""The live stream in the OpenAPI file. By hand: it is an asynchronous view of Django's own."""

from typing import Any, Final

PATH: Final = "/v1/batches/{batch_id}/stream"

_OPERATION: Final[dict[str, Any]] = {
    "operationId": "batches_stream",
    "tags": ["batches"],
    "description": (
        "Server-sent events: `status` (the batch) whenever it moved, and at the end `done`. A"
        " comment every 15 seconds keeps the line open."
    ),
    "parameters": [
        {"name": "batch_id", "in": "path", "required": True, "schema": {"type": "string"}},
    ],
    "responses": {
        "200": {
            "description": "The events, until the batch has ended.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
}


def add_stream_path(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the stream's path (a postprocessing hook of drf-spectacular)."""
    result["paths"][PATH] = {"get": _OPERATION}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
