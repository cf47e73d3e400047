"""Business time. Leases and holds use the database's own clock instead."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

_frozen: Final[ContextVar[datetime | None]] = ContextVar("anneal_clock", default=None)


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)


@contextlib.contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Make ``now()`` answer ``moment`` inside the block."""
    token = _frozen.set(moment)
    try:
        yield
    finally:
        _frozen.reset(token)
