"""One installation while it is in our hands: its home, its lock, its servers.

`manage.py up` holds one until it is stopped; any other command that finds none running holds one
for its own duration.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

from anneal.local import postgres, redis
from anneal.local.console import Stop, say, step
from anneal.local.credentials import secrets_load
from anneal.local.environment import given_names, owner_env, running_env, sources
from anneal.local.paths import Home, home_open
from anneal.local.preamble import ROOT
from anneal.local.processes import Spec, adopt_orphans, log_tail, run_logged, tied_to_parent
from anneal.local.runfile import (
    Run,
    installation_lock,
    leftovers_end,
    own_identity,
    run_current,
    run_remove,
    run_write,
)
from anneal.local.supervisor import Supervisor

STARTUP_SECONDS = 60.0
PATIENCE_SECONDS = 120.0
"""How long a command waits for another one that holds the home."""


class Interrupted(BaseException):
    """A signal asked us to stop. Not an Exception, so that no handler swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Installation:
    """The servers and processes of a home that we hold."""

    def __init__(self, home: Home, lock: IO[str], kind: str, *, quiet: bool) -> None:
        self.home, self._lock, self._kind, self.quiet = home, lock, kind, quiet
        self.url: str | None = None
        self.state = "starting"
        self.embedded = sources()
        self.supervisor = Supervisor(changed=self.record)

    def record(self) -> None:
        """Write `run.json` as things are now."""
        env = running_env(self.home, url=self.url) | {"ANNEAL_UP": "1"}
        pid, started = own_identity()
        run = Run(
            kind=self._kind,
            state=self.state,
            pid=pid,
            started=started,
            url=self.url,
            processes=self.supervisor.processes(),
            embedded=self.embedded.names(),
            environment=given_names(env),
        )
        run_write(self.home, run)

    def servers_start(self) -> None:
        """Start the embedded Postgres and Redis, whichever are ours, and wait for both."""
        self.record()
        if self.embedded.postgres:
            with step("Starting Postgres", quiet=self.quiet):
                self._postgres_start()
        if self.embedded.redis:
            with step("Starting Redis", quiet=self.quiet):
                self.supervisor.start(redis.spec(self.home), server=True)
                if not self._wait("redis", lambda: redis.ready(self.home)):
                    log = self.home.log / "redis.log"
                    raise Stop(f"Redis did not start; its log is {log}.", lines=log_tail(log))

    def _postgres_start(self) -> None:
        secrets = secrets_load(self.home)
        temporary = bool(os.environ.get("ANNEAL_TEMPORARY"))
        postgres.prepare(self.home, secrets)
        self.supervisor.start(postgres.spec(self.home, temporary=temporary), server=True)
        if not self._wait("postgres", lambda: postgres.ready(self.home)):
            raise postgres.start_failure(self.home)
        postgres.roles_create(self.home, secrets)

    def _wait(self, name: str, ready: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline and self.supervisor.running(name):
            if ready():
                return True
            time.sleep(0.02)
        return False

    def manage(self, *arguments: str, owner: bool = False) -> tuple[int, list[str]]:
        """Run a Django command to its end; its status and the last lines of its output."""
        env = (owner_env if owner else running_env)(self.home, url=self.url)
        spec = Spec(
            name=arguments[0],
            command=(sys.executable, "-m", "django", *arguments),
            env=env | {"ANNEAL_UP": "1"},
            log=self.home.log / f"command-{arguments[0]}.log",
            cwd=ROOT,
        )
        spec.log.unlink(missing_ok=True)
        status = run_logged(spec)
        return status, log_tail(spec.log, 40)

    def begin(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path = ROOT,
        output: IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a command, its output shown or in a file; `look` until it has ended."""
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
            preexec_fn=tied_to_parent(signal.SIGTERM),  # noqa: PLW1509 - only calls prctl
        )

    def look(self, commands: Iterable[subprocess.Popen[bytes]]) -> None:
        """Look after the servers while the commands are at work."""
        self.supervisor.look(*(command.pid for command in commands))

    def attend(self, command: Sequence[str], env: Mapping[str, str], cwd: Path = ROOT) -> int:
        """Run a command to its end, its output shown, while the servers are looked after."""
        child = self.begin(command, env, cwd)
        try:
            while child.poll() is None:
                self.look([child])
                time.sleep(0.1)
            return int(child.returncode)
        finally:
            if child.returncode is None:
                command_end(child)

    def stop(self) -> None:
        """Stop everything, forget the run, let go of the home."""
        self.supervisor.stop_all()
        run_remove(self.home)
        with suppress(OSError):
            self.home.sockets.rmdir()  # empty now; stays when a server was killed in it
        self._lock.close()


def command_end(child: subprocess.Popen[bytes]) -> None:
    """Interrupted: give the command time to stop what it started, then end its session."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=20)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@contextmanager
def installation_held(home: Home, kind: str, *, quiet: bool = False) -> Iterator[Installation]:
    """Hold the home: clean what an earlier run left, and stop everything at the end.

    Raises Stop when an installation runs there. SIGINT, SIGTERM and SIGHUP raise Interrupted.
    """
    lock = installation_lock(home) or _waited_for(home)
    home_open(home.path)  # whoever held it before us took the socket folder away
    installation = Installation(home, lock, kind, quiet=quiet)
    adopt_orphans()
    before = _signals_raise()
    try:
        leftovers_end(home)
        yield installation
    finally:
        _signals_hurry(installation)
        installation.stop()
        for number, handler in before.items():
            signal.signal(number, handler)


def _waited_for(home: Home) -> IO[str]:
    """The lock after a while: an `up` is named at once, a short command is waited for."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    told = False
    while True:
        lock = installation_lock(home)
        if lock:
            return lock
        run = run_current(home)
        if run and run.kind == "up":
            where = f"at {run.url}" if run.url and run.state == "ready" else "and is starting"
            raise Stop(
                f"Anneal already runs {where} (process {run.pid}; `kill {run.pid}` stops it)."
            )
        if time.monotonic() > deadline:
            raise Stop(f"`manage.py {run.kind if run else ''}` uses {home.path}. Wait for its end.")
        if not told:
            say(f"Waiting for `manage.py {run.kind if run else '...'}`, which uses {home.path}")
            told = True
        time.sleep(0.2)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _signals_raise() -> dict[signal.Signals, Any]:
    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    # nohup has SIGHUP ignored, and means it.
    heard = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    return {number: signal.signal(number, interrupt) for number in heard}


def _signals_hurry(installation: Installation) -> None:
    """While stopping, a first signal is noise; a second one ends everything at once."""
    seen = []

    def hurry(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            installation.supervisor.kill()

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, hurry)
