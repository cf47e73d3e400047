"""A call's id: told in `x-request-id` and in the logs; the caller's own, if it looks like one."""

import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Final
from uuid import UUID

from anneal.kernel.ids import public_id

HEADER: Final = b"x-request-id"
_SANE: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,127}")

current: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Of the call that Django is answering."""


def request_id_of(headers: Iterable[tuple[bytes, bytes]], random: bytes) -> str:
    """Return the id of a call with these headers, or one made of 16 random bytes."""
    given = next((value for name, value in headers if name == HEADER), None)
    if given is not None and _SANE.fullmatch(given):
        return given.decode()
    return public_id("req_", UUID(bytes=random))
