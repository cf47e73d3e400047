"""`run.json`: what runs in an installation. It names processes and addresses, never a secret.

A process is known by its number and its start time, since numbers are given out again.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import psutil

from anneal.local.console import say, step
from anneal.local.paths import Home
from anneal.local.processes import alive, end_all, family, identity


@dataclass(frozen=True)
class Run:
    """The content of `run.json`."""

    kind: str
    """`up`, or the command that started the servers for its own duration."""
    state: str
    """`starting` or `ready`."""
    pid: int
    started: float
    url: str | None = None
    processes: dict[str, dict[str, float]] = field(default_factory=dict)
    """Name -> `{"pid", "started"}`."""
    embedded: list[str] = field(default_factory=list)
    """Which of postgres, redis and storage are ours; the rest came by environment."""
    environment: list[str] = field(default_factory=list)
    """The names of the variables that the processes were given."""


def run_write(home: Home, run: Run) -> None:
    """Replace `run.json` whole."""
    fresh = home.run_file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(run), indent=1), encoding="utf-8")
    fresh.replace(home.run_file)


def run_read(home: Home) -> Run | None:
    """What `run.json` says, true or stale; None when there is none that can be read."""
    try:
        content: dict[str, Any] = json.loads(home.run_file.read_text(encoding="utf-8"))
        return Run(**content)
    except (OSError, ValueError, TypeError):
        return None


def run_current(home: Home) -> Run | None:
    """The run whose supervisor is alive, else None."""
    run = run_read(home)
    return run if run and alive(run.pid, run.started) else None


def run_remove(home: Home) -> None:
    """Forget the run; nothing of it is left."""
    home.run_file.unlink(missing_ok=True)


def installation_lock(home: Home) -> IO[str] | None:
    """Take the home for ourselves, for as long as the returned file is open; None: taken."""
    handle = home.lock_file.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def leftovers_end(home: Home) -> None:
    """End what a killed earlier run left. Call with the installation lock held."""
    run = run_read(home)
    pids = []
    if run:
        known = [(int(each["pid"]), each["started"]) for each in run.processes.values()]
        pids = [pid for pid, started in known if alive(pid, started)]
    left = {process.pid: process for process in (*family(pids), *_marked(home))}
    if left:
        with step(f"Ending {len(left)} processes that an earlier run left"):
            # Without a supervisor: work in hand is recovered from the database, not waited for.
            end_all(left.values(), grace=3.0)
    elif run and not alive(run.pid, run.started):
        say("  ok An earlier run was cut off; nothing of it is left running")
    run_remove(home)


def _marked(home: Home) -> list[psutil.Process]:
    """Processes that `up` started in this home, whatever became of their parents."""
    found = []
    mark = {"ANNEAL_UP": "1", "ANNEAL_HOME": str(home.path)}
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        if process.pid != os.getpid() and mark.items() <= environment.items():
            found.append(process)
    return found


def own_identity() -> tuple[int, float]:
    """Our process number and start time."""
    return os.getpid(), identity(os.getpid()) or 0.0
