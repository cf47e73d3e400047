"""`manage.py doctor`: one line for each thing that must be right, and how to put it right."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from anneal.local import postgres, redis
from anneal.local.chromium import chromium_find
from anneal.local.console import Stop, say
from anneal.local.environment import running_env, sources
from anneal.local.frontend import BUILT, FRONTEND, inputs_key, stamp_read
from anneal.local.installation import installation_held
from anneal.local.paths import Home, home_open
from anneal.local.preamble import BUILDING, VENV
from anneal.local.runfile import run_current, run_read

DISK_NEEDED = 4 * 1024**3


@dataclass(frozen=True)
class Finding:
    """What one look found. `fix` is None when it is right."""

    text: str
    fix: str | None = None
    vital: bool = True
    """Whether Anneal cannot run without it."""


def run(arguments: list[str]) -> int:
    """Look at everything; 1 when something vital is wrong."""
    if arguments:
        raise Stop("doctor takes no options.")
    home = home_open()
    wrong = 0
    for name, look in LOOKS.items():
        try:
            finding = look(home)
        except Stop as stop:
            finding = Finding("does not work", stop.sentence)
        mark = "ok" if finding.fix is None else "!!" if finding.vital else "--"
        say(f"  {mark} {name:<12} {finding.text}" + (f". {finding.fix}" if finding.fix else ""))
        wrong += finding.fix is not None and finding.vital
    say("All is well." if not wrong else f"{wrong} to put right.")
    return int(wrong > 0)


def _machine(_home: Home) -> Finding:
    here = f"{platform.system()} {platform.machine()}"
    if here == "Linux x86_64":
        return Finding(here)
    fix = "The embedded servers need Linux x86-64: set DATABASE_URL and REDIS_URL instead."
    return Finding(here, None if not any((sources().postgres, sources().redis)) else fix)


def _python(_home: Home) -> Finding:
    text = f"{platform.python_version()} in {sys.prefix}"
    if (VENV / BUILDING).exists():
        return Finding(text, "A set-up was cut off; the next `up` makes it again.", vital=False)
    return Finding(text)


def _disk(home: Home) -> Finding:
    free = shutil.disk_usage(home.path).free
    text = f"{free / 1024**3:.0f} GiB free at {home.path}"
    return Finding(
        text, None if free > DISK_NEEDED else "Free 4 GiB, or set ANNEAL_HOME elsewhere."
    )


def _running(home: Home) -> Finding:
    run = run_current(home)
    if run:
        return Finding(f"{run.kind} at {run.url}, {len(run.processes)} processes")
    if run_read(home):
        return Finding("an earlier run was cut off", "The next `up` cleans up.", vital=False)
    return Finding("not running")


def _port(home: Home) -> Finding:
    if run_current(home):
        return Finding("used by the running Anneal")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8000))
        except OSError:
            return Finding("8000 is taken", "Start with --port 8001.", vital=False)
    return Finding("8000 is free")


def _postgres(home: Home) -> Finding:
    if not sources().postgres:
        return Finding("yours, by DATABASE_URL")
    built = postgres.binaries(home)
    done = subprocess.run(
        [built.program("postgres"), "--version"],
        env=built.env,
        capture_output=True,
        text=True,
        check=False,
    )
    fix = None if done.returncode == 0 else f"It does not run here: {done.stderr.strip()[:200]}"
    return Finding(done.stdout.strip() or "embedded", fix)


def _redis(home: Home) -> Finding:
    if not sources().redis:
        return Finding("yours, by REDIS_URL")
    return Finding(f"embedded, {redis.program(home)}")


def _page(_home: Home) -> Finding:
    if not (FRONTEND / "package.json").exists():
        return Finding("no web page in this tree")
    if stamp_read(BUILT) == inputs_key(FRONTEND):
        return Finding("built from the present sources")
    return Finding("not built from the present sources", "The next `up` builds it.", vital=False)


def _database(home: Home) -> Finding:
    """Role, migrations and storage, asked inside Django in a process of its own."""
    if run_current(home) or not sources().postgres:
        return _database_now(home)
    if not postgres.data_folder(home).exists():
        return Finding("none yet; the first `up` makes it")
    with installation_held(home, "doctor", quiet=True) as installation:
        installation.servers_start()
        return _database_now(home)


def _database_now(home: Home) -> Finding:
    env = running_env(home)
    done = subprocess.run(
        [sys.executable, "-m", "anneal.local.doctor_django"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines()[-1:]
    text = lines[-1] if lines else "no answer"
    return Finding(text, None if done.returncode == 0 else "Put that right and ask again.")


def _chromium(_home: Home) -> Finding:
    try:
        return Finding(f"for tests: {chromium_find().executable}")
    except Stop as stop:
        return Finding("none for browser tests", stop.sentence, vital=False)


def _owner(home: Home) -> Finding:
    if os.access(home.path, os.W_OK):
        return Finding(f"{home.path} is ours to write")
    return Finding(f"{home.path} cannot be written", "Set ANNEAL_HOME to a folder of yours.")


LOOKS: dict[str, Callable[[Home], Finding]] = {
    "machine": _machine,
    "python": _python,
    "home": _owner,
    "disk": _disk,
    "running": _running,
    "port": _port,
    "postgres": _postgres,
    "redis": _redis,
    "database": _database,
    "page": _page,
    "chromium": _chromium,
}
