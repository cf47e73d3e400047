"""What the machine room says: one calm line a step, with its duration. Standard library only."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stop(Exception):
    """Ends the command with one sentence that names the fix; `lines` are shown above it."""

    def __init__(self, sentence: str, *, lines: list[str] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.lines = lines or []


def say(text: str = "") -> None:
    """Write one line to standard error, so that `--json` output on standard output stays clean."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def duration(seconds: float) -> str:
    """Render seconds the way people read them: `0.4 s`, `12 s`, `2 min 05 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


class _Ticker(threading.Thread):
    """Keeps the seconds moving on a terminal while a step works."""

    def __init__(self, text: str) -> None:
        super().__init__(daemon=True)
        self._text, self._started, self._done = text, time.monotonic(), threading.Event()

    def run(self) -> None:
        """Redraw the line each second until told to stop."""
        while not self._done.wait(1.0):
            sys.stderr.write(f"\r  .. {self._text} {duration(time.monotonic() - self._started)} ")
            sys.stderr.flush()

    def stop(self) -> None:
        """Stop and clear the line."""
        self._done.set()
        self.join()
        sys.stderr.write("\r\x1b[K")


@contextmanager
def step(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show a step and its duration; a step that fails says so and lets the exception through."""
    started = time.monotonic()
    ticker = _Ticker(text) if sys.stderr.isatty() and not quiet else None
    if ticker:
        ticker.start()
    mark = "!!"
    try:
        yield
        mark = "ok"
    finally:
        if ticker:
            ticker.stop()
        if not quiet or mark == "!!":
            say(f"  {mark} {text} ({duration(time.monotonic() - started)})")
