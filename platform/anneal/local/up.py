"""`manage.py up`: everything that an installation is, from one command."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from anneal.local.console import Stop, duration, say, step
from anneal.local.environment import running_env
from anneal.local.frontend import frontend_build
from anneal.local.installation import Installation, Interrupted, installation_held
from anneal.local.paths import home_open
from anneal.local.preamble import ROOT
from anneal.local.processes import Spec, log_rotate, log_tail
from anneal.local.worker import QUEUES, worker_command

LIVE_SECONDS = 120.0
LOOK_SECONDS = 0.2
HIGHEST_PORT = 65535


def run(arguments: list[str]) -> int:
    """Start the installation and keep it running until a signal ends it."""
    options = _options(arguments)
    started = time.monotonic()
    home = home_open()
    try:
        with installation_held(home, "up") as installation:
            hints = everything_start(
                installation, host=options.host, port=options.port, demo=not options.no_demo
            )
            _greet(installation, hints, time.monotonic() - started)
            _keep(installation)
    except Interrupted as interrupted:
        say("Stopped.")
        return 0 if interrupted.number != signal.SIGHUP else 129
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py up", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port (%(default)s; 0: any free)")
    parser.add_argument("--no-demo", action="store_true", help="do not seed the demo organization")
    return parser.parse_args(arguments)


def _shown(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)


def port_choose(host: str, port: int) -> int:
    """The port when it can be had; 0 finds one. Raises Stop naming the fix."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise Stop(_port_advice(host, port, error)) from None
        return int(probe.getsockname()[1])


def _port_advice(host: str, port: int, error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return f"{port} is no port: they go from 1 to 65535. Choose another --port."
    if error.errno == errno.EADDRINUSE:
        another = port + 1 if port < HIGHEST_PORT else 8000
        return (
            f"Port {port} on {host} is taken by another program. "
            f"Choose another: manage.py up --port {another}"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is for root only. Choose another: manage.py up --port 8000"
    return f"{host} is no address of this machine. Choose another --host."


def everything_start(installation: Installation, *, host: str, port: int, demo: bool) -> list[str]:
    """Start servers and processes until the address answers; the lines that say who may log in.

    Port 0 takes any free one. Raises Stop.
    """
    say("Starting Anneal")
    port = port_choose(host, port)
    installation.url = f"http://{_shown(host)}:{port}"
    hints = _prepare(installation, demo=demo)
    with step("Starting web, workers and scheduler"):
        specs = process_specs(installation, host, port)
        for spec in specs:
            log_rotate(spec.log)
        began = {spec.name: spec.log.stat().st_size if spec.log.exists() else 0 for spec in specs}
        for spec in specs:
            installation.supervisor.start(spec)
    hints.append(_operator_link(installation))
    with step("Waiting for the web process"):
        _wait(installation, "web", lambda: _answers(f"{installation.url}/livez"))
    with step("Waiting for the workers"):
        for spec in specs:
            if spec.name.startswith("worker-"):
                _wait(installation, spec.name, partial(_says_ready, spec.log, began[spec.name]))
    installation.state = "ready"
    installation.record()
    return hints


def _prepare(installation: Installation, *, demo: bool) -> list[str]:
    if not installation.embedded.postgres and not os.environ.get("DATABASE_OWNER_URL"):
        raise Stop("DATABASE_URL is set. Set DATABASE_OWNER_URL too: migrations need the owner.")
    frontend_build(installation.home)
    installation.servers_start()
    with step("Bringing the database up to date"):
        _must(
            installation.manage("migrate", "--no-input", "--skip-checks", owner=True),
            "The migration failed.",
        )
    if not demo:
        return []
    with step("Seeding"):
        lines = _must(installation.manage("seed"), "Seeding failed.")
    said = [line.partition("Demo login: ")[2] for line in lines if "Demo login: " in line]
    return [f"Demo login       {login}" for login in said]


def process_specs(installation: Installation, host: str, port: int) -> list[Spec]:
    """The processes of DESIGN: web, three workers with queues of their own, scheduler."""
    env = running_env(installation.home, url=installation.url) | {"ANNEAL_UP": "1"}
    python = [sys.executable, "-m"]
    web = [*python, "anneal.web", "--host", host, "--port", str(port)]
    commands = {"web": web}
    for queue, threads in QUEUES.items():
        commands[f"worker-{queue}"] = worker_command(queue, name=queue, threads=threads)
    beat = ["celery", "-A", "anneal.worker", "beat", "--pidfile=", "--loglevel", "INFO"]
    commands["scheduler"] = [*python, *beat]
    log = installation.home.log
    return [
        Spec(name=name, command=tuple(command), env=env, log=log / f"{name}.log", cwd=ROOT)
        for name, command in commands.items()
    ]


def _must(done: tuple[int, list[str]], sentence: str) -> list[str]:
    status, lines = done
    if status:
        full = any("No space left" in line for line in lines)
        raise Stop("The disk is full. Free 1 GB." if full else sentence, lines=lines[-12:])
    return lines


def _operator_link(installation: Installation) -> str:
    with step("Making the operator's link"):
        made = installation.manage("operator_link")
        lines = _must(made, "The operator's link could not be made.")
    return f"Operator, once   {lines[-1].strip()}"


def _wait(installation: Installation, name: str, ready: Callable[[], bool]) -> None:
    """Wait for a process; raises Stop with the end of its log when it does not come up."""
    log = installation.home.log / f"{name}.log"
    deadline = time.monotonic() + LIVE_SECONDS
    while not ready():
        installation.supervisor.look()
        if installation.supervisor.failures(name) > 2:  # three starts tell enough
            raise Stop(f"The process `{name}` does not start ({log}).", lines=log_tail(log))
        if time.monotonic() > deadline:
            raise Stop(f"The process `{name}` does not get ready ({log}).", lines=log_tail(log))
        time.sleep(0.1)


def _says_ready(log: Path, began: int) -> bool:
    """Tell whether a Celery worker has said so since this start."""
    with log.open("rb") as content:
        content.seek(began)
        return b" ready." in content.read()


def _answers(url: str) -> bool:
    # No proxy of the environment may stand between us and our own process.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _greet(installation: Installation, hints: list[str], seconds: float) -> None:
    say()
    say(f"Anneal runs at   {installation.url}   (ready in {duration(seconds)})")
    for hint in hints:
        say(hint)
    say(f"Mail it sends    {installation.url}/dev/mail")
    say(f"State and logs   {installation.home.path}")
    say("Ctrl-C stops it.")


def _keep(installation: Installation) -> None:
    while True:
        installation.supervisor.look()
        time.sleep(LOOK_SECONDS)
