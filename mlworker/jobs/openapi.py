"""The live stream in the OpenAPI file. By hand: it is an asynchronous view of Django's own."""

from typing import Any, Final

PATH: Final = "/v1/fine_tuning/jobs/{job_id}/stream"

_OPERATION: Final[dict[str, Any]] = {
    "operationId": "fine_tuning_jobs_stream",
    "tags": ["fine_tuning"],
    "description": (
        "Server-sent events: `status` (a job or an event object), `log`, `metric`, and at the end"
        " `done`. Ids ascend: `Last-Event-ID` replays what came after it. A comment every 15"
        " seconds keeps the line open."
    ),
    "parameters": [
        {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}},
    ],
    "responses": {
        "200": {
            "description": "The events, until the job has ended.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
}


def add_stream_path(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the stream's path (a postprocessing hook of drf-spectacular)."""
    result["paths"][PATH] = {"get": _OPERATION}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result
