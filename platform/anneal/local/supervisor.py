"""Keeps processes running: starts them, starts them again when they die, stops them all."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from anneal.local.console import say
from anneal.local.processes import (
    Spec,
    descendants,
    end_all,
    identity,
    reap_orphans,
    spawn,
    wait_until,
)

GRACE_SECONDS = 10.0
"""How long a process may take to stop: a worker drains its job within this."""
STEADY_SECONDS = 30.0
TOLD_SECONDS = 3.0
"""What ends well after so long was told to: a deployment does not wait for its next one."""
LONGEST_PAUSE = 30.0


@dataclass
class Child:
    """A process and its history. `servers` are stopped last."""

    spec: Spec
    server: bool
    popen: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)
    failures: int = 0
    again_at: float | None = None


class Supervisor:
    """Owns the children of one installation; every method runs in the main thread."""

    def __init__(self, *, changed: Callable[[], None] = lambda: None) -> None:
        self.children: dict[str, Child] = {}
        self._changed = changed

    def start(self, spec: Spec, *, server: bool = False) -> None:
        """Start a process and keep it running from now on."""
        self.children[spec.name] = Child(spec=spec, server=server, popen=spawn(spec))
        self._changed()

    def running(self, name: str) -> bool:
        """Tell whether the process is up at this moment."""
        child = self.children.get(name)
        return child is not None and child.popen.poll() is None

    def processes(self) -> dict[str, dict[str, float]]:
        """Number and start time of each running process, for `run.json`."""
        found: dict[str, dict[str, float]] = {}
        for name, child in self.children.items():
            started = identity(child.popen.pid) if child.popen.poll() is None else None
            if started is not None:
                found[name] = {"pid": child.popen.pid, "started": started}
        return found

    def look(self, *others: int) -> None:
        """Notice the dead and start them again when their pause is over.

        `others` are children that someone else waits for.
        """
        now = time.monotonic()
        for child in self.children.values():
            status = child.popen.poll()
            if status is None:
                continue
            if child.again_at is None:
                self._bury(child, status, now)
            elif now >= child.again_at:
                child.popen, child.began, child.again_at = spawn(child.spec), now, None
                self._changed()
        reap_orphans({*others, *(child.popen.pid for child in self.children.values())})

    def _bury(self, child: Child, status: int, now: float) -> None:
        steady = now - child.began > (STEADY_SECONDS if status else TOLD_SECONDS)
        child.failures = 1 if steady else child.failures + 1
        pause = 0.0 if child.failures == 1 else min(2.0 ** (child.failures - 2), LONGEST_PAUSE)
        child.again_at = now + pause
        how = f"was ended by {_signal_name(-status)}" if status < 0 else f"ended with {status}"
        when = "at once" if pause == 0 else f"in {pause:.0f} s"
        say(f"  !! {child.spec.name} {how}; starting it again {when} ({child.spec.log})")
        self._changed()

    def failures(self, name: str) -> int:
        """How often the process died soon after its start."""
        return self.children[name].failures

    def stop_all(self) -> None:
        """Stop everything: first what uses the servers, then what those left, then the servers."""
        self._stop([child for child in self.children.values() if not child.server])
        servers = {process.pid for process in self._server_processes()}
        end_all([each for each in descendants() if each.pid not in servers], grace=1.0)
        self._stop([child for child in self.children.values() if child.server])
        end_all(descendants(), grace=1.0)
        reap_orphans(set())

    def _server_processes(self) -> list[psutil.Process]:
        found = []
        for child in self.children.values():
            if child.server:
                with suppress(psutil.Error):
                    process = psutil.Process(child.popen.pid)
                    found += [process, *process.children(recursive=True)]
        return found

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            if child.popen.poll() is None:
                child.popen.send_signal(child.spec.stop_signal)
        ended = wait_until(
            lambda: all(child.popen.poll() is not None for child in children),
            seconds=GRACE_SECONDS,
        )
        if not ended:
            self.kill(children)
        for child in children:
            child.again_at = None

    def kill(self, children: list[Child] | None = None) -> None:
        """End the processes and their sessions without asking."""
        for child in self.children.values() if children is None else children:
            if child.popen.poll() is None:
                say(f"  !! {child.spec.name} did not stop in time and was ended")
                with suppress(ProcessLookupError):
                    os.killpg(child.popen.pid, signal.SIGKILL)
                child.popen.wait()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
