"""Trainers forked from one process that has imported torch already, which takes seconds."""

import os
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from mlworker.engine.trainer import main

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def _train(folder: str, *pipes: Connection) -> None:
    for number, pipe in enumerate(pipes):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    os.setsid()
    sys.exit(main(["--run-dir", folder]))


class Forked:
    """A trainer's process, told and heard as `subprocess.Popen` does it."""

    def __init__(self, folder: Path) -> None:
        theirs, mine = _FORKS.Pipe(duplex=False)
        self.stdin, given = _file(mine, "w"), [theirs]
        self.stdout, self.stderr = (self._heard(given) for _ in range(2))
        self._process = _FORKS.Process(target=_train, args=(str(folder), *given))
        self._process.start()
        for pipe in given:
            pipe.close()
        self.pid, self.kill = self._process.pid, self._process.kill

    def _heard(self, given: list[Connection]):
        mine, theirs = _FORKS.Pipe(duplex=False)
        given.append(theirs)
        return _file(mine, "r")

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float = 60) -> int:
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"It still runs after {timeout} s."
        return self._process.exitcode


def _file(pipe: Connection, mode: str):
    with pipe:
        return os.fdopen(os.dup(pipe.fileno()), mode)
