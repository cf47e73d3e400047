"""Calls with an Idempotency-Key: under what their answers are kept, and what resumes a stream."""

import hashlib
import json
from typing import Final

from anneal.kernel.errors import InvalidRequest
from mlworker.serving.errors import InvalidJson
from mlworker.serving.gateway.call import Call
from mlworker.serving.gateway.http import header
from mlworker.serving.gateway.tickets import StoreAs

IN_PARTS: Final = " in parts"
"""A streamed answer is kept in parts, so its key fits no plain call."""
_MAX_KEY: Final = 255


def store_as(call: Call, scope: str, raw: bytes, *, apart: str = "") -> StoreAs | None:
    """Return where a call's answer is kept; None without a key. InvalidRequest, InvalidJson.

    ``apart`` is what tells two calls with the same body from each other.
    """
    given = header(call.scope, b"idempotency-key")
    if given is None:
        return None
    key = given.decode("latin-1")
    if not key or len(key) > _MAX_KEY or not key.isprintable():
        raise InvalidRequest(
            f"Idempotency-Key must be 1 to {_MAX_KEY} printable characters.",
            param="Idempotency-Key",
        )
    canonical = _canonical(raw) + apart
    return StoreAs(scope, key, hashlib.sha256(canonical.encode()).hexdigest())


def stream_digest(store: StoreAs) -> str:
    """Return the name of the stream that calls with this key and body begin or resume."""
    named = json.dumps([store.scope, store.key, store.request_hash])
    return hashlib.sha256(named.encode()).hexdigest()


def _canonical(raw: bytes) -> str:
    """Return a body without its spelling and spacing, which do not matter."""
    try:
        return json.dumps(json.loads(raw), sort_keys=True)
    except (ValueError, RecursionError) as error:
        # In a field that no call knows, which `bodies` skips unread.
        raise InvalidJson(f"The body is not valid JSON in UTF-8: {error}.") from None
