"""What Django's own border cannot bear, answered before it: odd content types, WebSockets."""

import json
import re
from typing import Final

from anneal.body_limit import Application, Message, Receive, Send
from anneal.kernel.errors import UnsupportedMediaType

_PLAIN: Final = re.compile(rb"[\x20-\x7e\t]*")


def guard(application: Application) -> Application:
    """Refuse what would raise inside Django's making of the request, where no handler catches.

    An encoded parameter (``charset*=...``) names a codec that Python then looks for, NUL and all.
    """

    async def guarded(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # Nothing here speaks it: streams are server-sent events.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and not _readable(scope):
            await _refuse(send)
        else:
            await application(scope, receive, send)

    return guarded


def _readable(scope: Message) -> bool:
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    return all(_PLAIN.fullmatch(value) and b"*=" not in value for value in types)


async def _refuse(send: Send) -> None:
    error = UnsupportedMediaType()
    body = json.dumps(error.body()).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
