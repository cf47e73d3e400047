"""`manage.py worker QUEUE`: one more worker for an installation that runs, here or elsewhere.

On the machine of `manage.py up` it finds everything by the home. On another machine it is given
the installation's `DATABASE_URL`, `REDIS_URL`, `STORAGE_URL` and `SECRET_KEY`.
"""

from __future__ import annotations

import argparse
import os
import sys

from anneal.local.console import Stop, say
from anneal.local.environment import running_env, sources
from anneal.local.paths import home_open
from anneal.local.preamble import ROOT
from anneal.local.runfile import run_current

QUEUES = {"serve": 4, "train": 1, "default": 4}
"""Threads per worker: one trains one job at a time, and serves as many base models at once."""


def worker_command(queue: str, *, name: str, threads: int) -> list[str]:
    """The command of a Celery worker that reads ``queue`` alone."""
    celery = [sys.executable, "-m", "celery", "-A", "anneal.worker", "worker"]
    options = ["-Q", queue, "-n", f"{name}@%h", "--pool", "threads", "--concurrency", str(threads)]
    return [*celery, *options, "--without-gossip", "--without-mingle", "--loglevel", "INFO"]


def run(arguments: list[str]) -> int:
    """Become the worker, until a signal ends it. Raises Stop."""
    options = _options(arguments)
    home = home_open()
    current = run_current(home)
    url = current.url if current and current.kind == "up" else None
    embedded = sources().names()
    if url is None and embedded:
        names = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "storage": "STORAGE_URL"}
        unset = ", ".join(names[name] for name in embedded)
        raise Stop(
            f"No Anneal runs in {home.path}. Start it with `manage.py up`, or set {unset} "
            "to those of the installation that this worker shall join."
        )
    command = worker_command(
        options.queue, name=f"{options.queue}-{os.getpid()}", threads=options.threads
    )
    say(f"Worker {options.queue} joins {url or 'the installation'}. Ctrl-C drains and stops it.")
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(command[0], command, running_env(home, url=url))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py worker", description=__doc__)
    parser.add_argument("queue", choices=list(QUEUES), help="what it works on")
    parser.add_argument("--threads", type=int, help="things done at once (serve 4, train 1)")
    options = parser.parse_args(arguments)
    options.threads = options.threads or QUEUES[options.queue]
    if options.threads < 1:
        parser.error("--threads must be 1 or more")
    return options
