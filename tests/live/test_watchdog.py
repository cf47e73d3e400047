"""A worker that reads no queue and a scheduler that hangs in a socket end, and say where."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from celery import Celery

from anneal.kernel.redis_url import broker_url
from anneal.local.processes import wait_until
from anneal.local.worker import worker_command
from tests.live.machine import Installation

WATCHDOG_SECONDS = 2.0
SAID = "watchdog.idle: work waits and none was taken for 2 s"
QUEUE = "deafened"


@contextmanager
def running(
    installation: Installation, log: Path, command: list[str], **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """one more Celery process of the installation, with a watchdog that waits for two seconds."""
    watchdog = {"ANNEAL_WATCHDOG_SECONDS": str(WATCHDOG_SECONDS)}
    env = installation.plain_env | installation.env | watchdog | settings
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=env, stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_reads_its_queue_no_more_ends(
    installation: Installation, tmp_path: Path
) -> None:
    app = Celery(broker=broker_url(installation.env["REDIS_URL"]))
    log = tmp_path / "worker.log"
    command = worker_command(QUEUE, name=QUEUE, threads=1)
    with running(installation, log, command) as worker:
        assert wait_until(lambda: b" ready." in log.read_bytes(), seconds=60, pause=0.1)
        # Idle for longer than the limit, with nothing that waits: no reason to end.
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(2 * WATCHDOG_SECONDS)
        app.control.cancel_consumer(
            QUEUE, destination=[f"{QUEUE}@{os.uname().nodename}"], reply=True, timeout=5
        )
        app.send_task("anneal.relay", queue=QUEUE)
        worker.wait(30)

    said = log.read_text()
    assert SAID in said
    assert "most recent call first" in said


def test_a_scheduler_that_hangs_in_a_socket_ends(
    installation: Installation, tmp_path: Path
) -> None:
    log = tmp_path / "scheduler.log"
    command = [sys.executable, "-m", "celery", "-A", "anneal.worker", "beat", "--pidfile="]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with running(installation, log, command, CELERY_BROKER_URL=broker) as scheduler:
            scheduler.wait(60)

    said = log.read_text()
    assert SAID in said
    assert "most recent call first" in said
