"""Reading requests and writing answers on bare ASGI, with limits."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from anneal.kernel.errors import DomainError, InvalidRequest, PayloadTooLarge

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

BODY_LIMIT: Final = 1_048_576
"""Bytes of one body (1 MB)."""
BODY_SECONDS: Final = 20.0
"""How long a slow client may take to send its body."""

_json_encode: Final = msgspec.json.Encoder().encode


class ClientGone(Exception):
    """The client closed the connection; nobody waits for an answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header ``name`` (lower case), or None."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


async def body_read(scope: Scope, receive: Receive) -> bytes:
    """Return the whole body. Raises PayloadTooLarge, InvalidRequest (too slow), ClientGone."""
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > BODY_LIMIT:
        raise PayloadTooLarge("The body is over 1 MB: send fewer or shorter texts.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _body_whole(receive)
    except TimeoutError:
        raise InvalidRequest("The body did not arrive within 20 seconds.") from None


async def _body_whole(receive: Receive) -> bytes:
    parts, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        if not more and not parts:  # nearly always: one piece, not copied
            _check_limit(piece)
            return piece
        parts += piece
        _check_limit(parts)
    return bytes(parts)


def _check_limit(body: bytes | bytearray) -> None:
    if len(body) > BODY_LIMIT:
        raise PayloadTooLarge("The body is over 1 MB: send fewer or shorter texts.")


async def respond(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Send a JSON answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_error(send: Send, error: DomainError, headers: Headers) -> None:
    """Send an error in the API's one shape."""
    extra = list(headers)
    if error.retry_after is not None:
        extra.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
    if error.status == 401:
        extra.append((b"www-authenticate", b"Bearer"))
    await respond(send, error.status, json_encode(error.body()), extra)


def json_encode(value: object) -> bytes:
    """Return ``value`` as JSON."""
    return _json_encode(value)


def json_part(value: object) -> msgspec.Raw:
    """Return ``value`` as JSON within other JSON.

    Rows are encoded one by one: a large answer's objects are never there all together, and no
    single step of it keeps the interpreter to itself for long.
    """
    return msgspec.Raw(_json_encode(value))
