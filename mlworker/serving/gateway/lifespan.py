"""The server's start and stop."""

from mlworker.serving.gateway.http import Receive, Send
from mlworker.serving.gateway.runtime import Runtime


async def lifespan(receive: Receive, send: Send, runtime: Runtime) -> None:
    """Follow the ASGI lifespan protocol."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await runtime.ensure_started()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await runtime.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
