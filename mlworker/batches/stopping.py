"""The worker's wish to stop: set by its shutdown signal, seen between two chunks."""

import threading
from typing import Final

_DRAINING: Final = threading.Event()


def drain() -> None:
    """Ask this process to give its batch back."""
    _DRAINING.set()


def draining() -> bool:
    """Say whether the process is about to stop."""
    return _DRAINING.is_set()
