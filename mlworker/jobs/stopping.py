"""The worker's wish to stop: set by its shutdown signal, seen by every session of the process."""

import threading
from typing import Final

_DRAINING: Final = threading.Event()


def drain() -> None:
    """Ask every session of this process to write a checkpoint and give its job back."""
    _DRAINING.set()


def drain_wait(seconds: float) -> None:
    """Wait, but not longer than until the process is about to stop."""
    _DRAINING.wait(seconds)


def draining() -> bool:
    """Say whether the process is about to stop."""
    return _DRAINING.is_set()
