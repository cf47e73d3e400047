"""What Django's own border cannot bear, answered before it: odd content types, WebSockets.

And what it does not say: the call's id, in each answer and in the log of a fault.
"""

import json
import os
import re
from typing import Final

from anneal.body_limit import Application, Message, Receive, Send
from anneal.kernel import request_ids
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
        elif scope["type"] != "http":
            await application(scope, receive, send)
        else:
            told = _named(scope, send)
            await (application(scope, receive, told) if _readable(scope) else _refuse(told))

    return guarded


def _named(scope: Message, send: Send) -> Send:
    """Have the call's id told in its answer, and known to whoever logs a fault of it."""
    name = request_ids.request_id_of(scope["headers"], os.urandom(16))
    request_ids.current.set(name)
    header = (request_ids.HEADER, name.encode())

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], header]
        await send(message)

    return told


def _readable(scope: Message) -> bool:
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    return all(_PLAIN.fullmatch(value) and b"*=" not in value for value in types)


async def _refuse(send: Send) -> None:
    error = UnsupportedMediaType()
    body = json.dumps(error.body()).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
