"""Child processes: started in sessions of their own, told when we die, found again, stopped whole.

A child learns of our death by the kernel (PR_SET_PDEATHSIG), so even `kill -9` of the supervisor
leaves nothing running. Linux only; imports psutil.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from anneal.local.paths import Account

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOG_LIMIT = 20 * 1024 * 1024  # bytes; a longer log is set aside once, when its process starts
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Spec:
    """One process to run."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    log: Path
    cwd: Path
    account: Account | None = None
    """As whom, when not as ourselves."""
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends the child when we die without stopping it."""


def spawn(spec: Spec) -> subprocess.Popen[bytes]:
    """Start the process in its own session, output to its log. Call from the main thread only:
    the death signal is tied to the thread that starts the child.
    """
    log_rotate(spec.log)
    switch = spec.account is not None and spec.account.switch
    with spec.log.open("ab") as log:
        return subprocess.Popen(
            spec.command,
            cwd=spec.cwd,
            env=dict(spec.env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=tied_to_parent(spec.death_signal),  # noqa: PLW1509 - only calls prctl
            user=spec.account.uid if switch and spec.account else None,
            group=spec.account.gid if switch and spec.account else None,
            extra_groups=[] if switch else None,
        )


def tied_to_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that has the kernel send `death_signal` when the parent is gone."""
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return prepare


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent dies, so that none escapes `descendants`."""
    _LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def log_rotate(path: Path) -> None:
    """Set a log aside (`.1`) when it is long."""
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(path.suffix + ".1"))


def log_tail(path: Path, lines: int = 12) -> list[str]:
    """The last lines of a log; empty when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def run_logged(spec: Spec, *, timeout: float = 1800) -> int:
    """Run to the end with the output in the log; interrupted, it leaves nothing of it running."""
    child = spawn(spec)
    try:
        return child.wait(timeout=timeout)
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def identity(pid: int) -> float | None:
    """When the process started (seconds since 1970), or None when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def alive(pid: int, started: float) -> bool:
    """Tell whether this very process still runs; a reused number is another process."""
    found = identity(pid)
    return found is not None and abs(found - started) < 1.0 and not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def family(pids: Iterable[int]) -> list[psutil.Process]:
    """The processes, all below them, and all in their sessions."""
    wanted = set(pids)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if process.pid in wanted or os.getsid(process.pid) in wanted:
                found[process.pid] = process
                found |= {child.pid: child for child in process.children(recursive=True)}
    found.pop(os.getpid(), None)
    return list(found.values())


def descendants() -> list[psutil.Process]:
    """Everything that runs below us, zombies left out."""
    return [child for child in psutil.Process().children(recursive=True) if not _zombie(child.pid)]


def end_all(processes: Iterable[psutil.Process], *, grace: float) -> None:
    """Ask the processes to stop, and after `grace` seconds make them."""
    waiting = list(processes)
    for process in waiting:
        with suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(waiting, timeout=grace)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def reap_orphans(known: set[int]) -> None:
    """Collect the ends of adopted grandchildren; those in `known` belong to their Popen."""
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT  # one system call, and nothing is collected yet
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, look)) and ended.si_pid not in known:
            os.waitpid(ended.si_pid, os.WNOHANG)


def wait_until(ready: Callable[[], bool], *, seconds: float, pause: float = 0.05) -> bool:
    """Ask `ready` again and again; False when it did not come true in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
