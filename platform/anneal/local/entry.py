"""Chooses what `manage.py` does: a command of the machine room, else a Django command."""

from __future__ import annotations

import errno
import importlib

from anneal.local.console import Stop, say
from anneal.local.preamble import end

OWN = {
    "up": ("up", "start everything and keep it running"),
    "worker": ("worker", "add a worker to an installation that runs: serve, train or default"),
    "test": ("checks", "run every check: lint, types, layers, unit, live, browser"),
    "bench": ("benchmarks", "measure, on a private installation"),
    "simulate_year": ("simulation", "random customers for a virtual year, then explain the books"),
    "doctor": ("doctor", "say what is missing or wrong, and how to put it right"),
    "lock": ("locks", "resolve requirements/*.in into the locks anew"),
}
"""Command -> module of this package, and what it does."""


def run(arguments: list[str]) -> int:
    """Run the command; its exit status."""
    command = arguments[0] if arguments else "--help"
    if command in {"--help", "-h"}:
        return _help()
    name = OWN[command][0] if command in OWN else "django_command"
    try:
        main = importlib.import_module(f"anneal.local.{name}").run
        return int(main(arguments[1:] if command in OWN else arguments))
    except Stop as stop:
        end(stop)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        end(Stop(f"The disk is full at {error.filename or 'the home'}. Free 1 GB and try again."))
    except KeyboardInterrupt:
        say("Stopped.")
        return 130


def _help() -> int:
    say("usage: python3 manage.py COMMAND [options]\n")
    for name, (_, text) in OWN.items():
        say(f"  {name:<13} {text}")
    say("\nAny other command is Django's or Anneal's own; `manage.py help` lists them.")
    return 0
