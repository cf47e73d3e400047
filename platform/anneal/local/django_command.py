"""Runs a Django command: on the running installation, else on servers of its own duration."""

from __future__ import annotations

import os
import signal

from anneal.local.console import Stop
from anneal.local.environment import owner_env, running_env, sources
from anneal.local.installation import Interrupted, installation_held
from anneal.local.paths import Home, home_open
from anneal.local.processes import wait_until
from anneal.local.runfile import Run, run_current

NEED_NOTHING = frozenset(
    {"help", "version", "--version", "spectacular", "makemessages", "compilemessages"}
    | {"diffsettings", "startapp", "makemigrations", "collectstatic", "check"}
)
OWNERS = frozenset(
    {"migrate", "makemigrations", "sqlmigrate", "showmigrations", "backup", "restore"}
)
"""Commands that log in as the owner of the database or as its backup role."""


STARTING_SECONDS = 300.0


def run(arguments: list[str]) -> int:
    """Run the command with the environment it needs."""
    command = arguments[0]
    home = home_open()
    current = _up(home)
    if current:
        _same_sources(current)
        return _execute(home, arguments, url=current.url)
    embedded = sources()
    if (
        command in NEED_NOTHING
        or "--help" in arguments
        or not (embedded.postgres or embedded.redis)
    ):
        return _execute(home, arguments, url=None)
    try:
        with installation_held(home, command, quiet=True) as installation:
            installation.servers_start()
            installation.state = "ready"
            installation.record()
            return _execute(home, arguments, url=None)
    except Interrupted as interrupted:
        return 128 + int(interrupted.number)


def _up(home: Home) -> Run | None:
    """The running `up`, waited for while it starts; None when none runs."""

    def settled() -> bool:
        run = run_current(home)
        return run is None or run.kind != "up" or run.state == "ready"

    if not wait_until(settled, seconds=STARTING_SECONDS):
        raise Stop("`manage.py up` has been starting for minutes; see what it says.")
    run = run_current(home)
    return run if run and run.kind == "up" else None


def _same_sources(current: Run) -> None:
    """The command must see the database that the running installation uses."""
    missing = [name for name in ("postgres", "redis", "storage") if name not in current.embedded]
    names = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "storage": "STORAGE_URL"}
    unset = [names[name] for name in missing if not os.environ.get(names[name])]
    if unset:
        raise Stop(f"The running Anneal was given {', '.join(unset)}. Set the same and try again.")


def _execute(home: Home, arguments: list[str], *, url: str | None) -> int:
    owner = arguments[0] in OWNERS
    os.environ.update((owner_env if owner else running_env)(home, url=url))
    if not owner:
        os.environ.pop("DATABASE_OWNER_URL", None)
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the environment

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        execute_from_command_line(["manage.py", *arguments])
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0
