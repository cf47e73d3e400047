"""A bound on request bodies, before anything reads or stores them."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

LIMIT: Final = 105 * 1024 * 1024
"""The largest upload (100 MB) and its multipart wrapping."""
_ANSWER: Final = (
    b'{"error": {"message": "The body is over 105 MB: split the file.", '
    b'"type": "invalid_request_error", "param": null, "code": "payload_too_large"}}'
)


def limit_bodies(application: Application, limit: int = LIMIT) -> Application:
    """Refuse a body over ``limit`` bytes: by its declared length, else when it grows past it."""

    async def limited(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        if _declared(scope) > limit:
            await _refuse(send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            # A chunked body that lies about nothing and never ends: hang up as a client would.
            return {"type": "http.disconnect"} if seen > limit else message

        await application(scope, counted, send)

    return limited


def _declared(scope: Message) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})
