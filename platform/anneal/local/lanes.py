"""Checks beside each other: one check of each lane at a time, until every lane is empty.

Two that write at once would be unreadable, so each writes to a file of its own, which is shown
when it has ended.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO

from anneal.local.check_list import Check
from anneal.local.console import duration, say
from anneal.local.installation import Installation, command_end

PAUSE_SECONDS = 0.05
NEWS_SECONDS = 60.0
"""How often a check at work says how far it is."""
_TAIL = 400
_PERCENT = re.compile(rb"\[ *(\d+)%\]")
Environment = Callable[[Check], Mapping[str, str]]
Ended = tuple[Check, int, float]
"""A check, its status, its seconds."""


class Lane:
    """Checks that run one after the other."""

    def __init__(self, checks: Iterable[Check], installation: Installation) -> None:
        self.waiting = deque(checks)
        self.child: subprocess.Popen[bytes] | None = None
        self._installation = installation

    def begin(self, env: Environment) -> None:
        """Start the next check."""
        self._check, self._began = self.waiting.popleft(), time.monotonic()
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `ended`
        check = self._check
        say(f"  .. {check.name}")
        self.child = self._installation.begin(check.command, env(check), check.cwd, self._output)

    def news(self) -> str | None:
        """How far the check at work is, where it says so, and for how long it has worked."""
        if self.child is None:
            return None
        file = self._output.fileno()
        # the child writes where the file's one position is: it must not be moved
        written = os.pread(file, _TAIL, max(0, os.fstat(file).st_size - _TAIL))
        found = _PERCENT.findall(written)
        share = f"{int(found[-1])} %, " if found else ""
        return f"{self._check.name}: {share}{duration(time.monotonic() - self._began)}"

    def ended(self) -> Ended | None:
        """Show the check that has just ended; None while it is at work."""
        if self.child is None or self.child.poll() is None:
            return None
        status, self.child = int(self.child.returncode), None
        seconds = time.monotonic() - self._began
        say(f"\n== {self._check.name} ({duration(seconds)})")
        with self._output as output:
            output.seek(0)
            shutil.copyfileobj(output, sys.stderr.buffer)
        sys.stderr.flush()
        return self._check, status, seconds


def lanes_run(
    checks: Sequence[Sequence[Check]],
    installation: Installation,
    *,
    env: Environment,
    afterwards: Iterable[Check] = (),
    fail_fast: bool = False,
) -> list[Ended]:
    """Run the checks of all lanes; those that ended, in that order.

    A lane that is empty takes from those for `afterwards`. With `fail_fast` nothing is begun after
    a failure; what is at work then still ends.
    """
    lanes, rest = [Lane(each, installation) for each in checks], deque(afterwards)
    found: list[Ended] = []
    told = time.monotonic()
    try:
        while any(lane.waiting or lane.child for lane in lanes):
            installation.look([lane.child for lane in lanes if lane.child])
            for lane in lanes:
                if ended := lane.ended():
                    found.append(ended)
                failed = fail_fast and any(status for _, status, _ in found)
                if failed:
                    lane.waiting.clear()
                    rest.clear()
                if not (lane.child or lane.waiting) and rest:
                    lane.waiting.append(rest.popleft())
                if lane.child is None and lane.waiting:
                    lane.begin(env)
            if time.monotonic() - told > NEWS_SECONDS:
                told = time.monotonic()
                say("  .. " + "; ".join(news for lane in lanes if (news := lane.news())))
            time.sleep(PAUSE_SECONDS)
    finally:
        for lane in lanes:
            if lane.child:
                command_end(lane.child)
    return found
