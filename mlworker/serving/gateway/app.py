"""The web process's front: online paths are answered here, everything else goes to Django.

Start-up never fails for a missing Postgres or Redis: calls then get 503 with Retry-After until
they are back.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from anneal.kernel.errors import DomainError, InternalError, MethodNotAllowed
from mlworker.serving.gateway.call import Call
from mlworker.serving.gateway.http import (
    ClientGone,
    Headers,
    Receive,
    Scope,
    Send,
    json_encode,
    respond,
    respond_error,
)
from mlworker.serving.gateway.lifespan import lifespan
from mlworker.serving.gateway.requests import Calls
from mlworker.serving.gateway.runtime import Runtime

logger = logging.getLogger(__name__)

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

HUGGING_FACE_PREFIX: Final = "/hf/models/"


class GatewayApp:
    """Routes online paths to the gateway and passes on the rest."""

    def __init__(self, fallback: Application) -> None:
        self._fallback = fallback
        self._runtime = Runtime()
        calls = Calls(self._runtime)
        self._routes: Final[dict[str, tuple[str, Callable[[Call], Awaitable[None]]]]] = {
            "/v1/classify": ("classify", calls.classify),
            "/v1/embeddings": ("embeddings", calls.embeddings),
            "/v1/trial/classify": ("trial", calls.trial),
        }
        self._pipeline = calls.pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send, self._runtime)
            return
        path = scope.get("path", "")
        if scope["type"] != "http":
            await self._fallback(scope, receive, send)
        elif (found := self._routes.get(path)) is not None:
            route, handler = found
            await self._guard(handler, Call(scope, receive, send, route))
        elif path.startswith(HUGGING_FACE_PREFIX):
            model = path[len(HUGGING_FACE_PREFIX) :]
            await self._guard(self._pipeline, Call(scope, receive, send, "pipeline", model))
        elif path == "/livez":
            await respond(send, 200, b'{"status":"alive"}', [])
        else:
            await self._fallback(scope, receive, send)

    async def _guard(self, handler: Callable[[Call], Awaitable[None]], call: Call) -> None:
        """Run a handler; every fault becomes an answer."""
        try:
            if call.scope["method"] != "POST":
                raise MethodNotAllowed("This address knows POST alone.")
            await self._runtime.ensure_started()
            await handler(call)
        except ClientGone:
            return
        except DomainError as error:
            await self._refuse(call, error)
        except Exception:
            logger.exception("gateway.failed: %s", call.request_id)
            await self._refuse(call, InternalError())
        finally:
            call.ended()
            if call.entry is not None:
                call.entry.leave()

    @staticmethod
    async def _refuse(call: Call, error: DomainError) -> None:
        call.refused(error)
        headers: Headers = [(b"x-request-id", call.request_id.encode()), *call.headers]
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", b"POST"))
        if call.model is None:
            await respond_error(call.send, error, headers)
        else:
            # Hugging Face's clients read a plain string under `error`.
            body = json_encode({"error": error.text, "code": error.code})
            if error.retry_after is not None:
                headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after))))
            await respond(call.send, error.status, body, headers)


def create_gateway(fallback: Application) -> GatewayApp:
    """Return the web process's ASGI application around Django's."""
    return GatewayApp(fallback)
