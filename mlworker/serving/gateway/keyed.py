"""Calls with an Idempotency-Key: under what their answers are kept, and what resumes a stream."""

import hashlib
import json
from typing import Final

from anneal.kernel.errors import InvalidRequest
from mlworker.engine.tasks import TASKS
from mlworker.registry.contracts import ServableModel
from mlworker.serving.errors import InvalidJson
from mlworker.serving.gateway.call import Call
from mlworker.serving.gateway.http import header
from mlworker.serving.gateway.tickets import StoreAs

IN_PARTS: Final = " in parts"
"""A streamed answer is kept in parts, so its key fits no plain call."""
KEPT_SCORES: Final = 100_000
"""Of one answer: some 4 MB of JSON. It is a row of Postgres for a day, and whoever else's calls are
charged together with this one waits until it is written."""
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


def kept_check(servable: ServableModel, *, texts: int, top_k: int | None) -> None:
    """Refuse a key for an answer that is too large to be kept: InvalidRequest."""
    task = TASKS.get(servable.task)
    if task is not None and task.level == "token":
        return  # it says what was found, and no score of each label
    shown = len(servable.labels) if top_k is None else min(top_k, len(servable.labels))
    if texts * shown > KEPT_SCORES:
        raise InvalidRequest(
            f"With an Idempotency-Key an answer is kept, and this one would have {texts * shown:,}"
            f" scores; {KEPT_SCORES:,} scores are the most. Give top_k, send fewer texts, or stream"
            " the answer, which is kept in parts.",
            param="Idempotency-Key",
        )


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
