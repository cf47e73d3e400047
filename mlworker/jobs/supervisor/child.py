"""The trainer's process, seen from its supervisor."""

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Final

from mlworker.engine.contracts import (
    Command,
    ErrorCode,
    Message,
    encode_message,
    parse_message,
)
from mlworker.engine.surroundings import child_environment
from mlworker.jobs.contracts import Fault
from mlworker.jobs.limits import MEMORY_BYTES
from mlworker.jobs.supervisor.memory import MemoryWatch

logger = logging.getLogger(__name__)

_JAIL: Final = Path(__file__).with_name("jail.py")
_LINE: Final = 1024 * 1024
_MESSAGE: Final = 64 * 1024 * 1024
"""Longest line that is a message: figures of a thousand long labels take megabytes."""
_STDERR_LINES: Final = 60
_MEMORY_WORDS: Final = ("bad_alloc", "out of memory", "allocate memory")
"""What allocators say before a process gives up."""


class Trainer:
    """One child in its own session. Start it from a thread that outlives it: it dies with that."""

    def __init__(self, run_dir: Path) -> None:
        self.memory = MemoryWatch(MEMORY_BYTES)
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._complaints: deque[str] = deque(maxlen=_STDERR_LINES)
        self.ended = False
        self._process = subprocess.Popen(  # fixed program, our own arguments
            [
                *(sys.executable, "-I", "-S", str(_JAIL), str(os.getpid())),
                *(sys.executable, "-m", "mlworker.engine.trainer", "--run-dir", str(run_dir)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=run_dir,
            env=child_environment(run_dir, "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
            start_new_session=True,
            close_fds=True,
        )
        if self._process.stdout is None or self._process.stderr is None:
            raise AssertionError("Pipes were asked for.")
        self._threads = [
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._overhear, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """The process id, which is also its group's."""
        return self._process.pid

    def next_message(self, timeout: float) -> Message | None:
        """Return what the child says next, or None after ``timeout`` seconds or at its end."""
        try:
            message = self._messages.get(timeout=timeout)
        except queue.Empty:
            return None
        if message is None:
            self.ended = True
        return message

    def send(self, command: Command) -> None:
        """Tell the child something; a child that is gone hears nothing."""
        if self._process.stdin is None:
            return
        try:
            self._process.stdin.write(encode_message(command).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            logger.info("trainer.gone", extra={"pid": self.pid})

    def kill(self) -> None:
        """Kill the child and whatever it started, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10.0)

    def wait(self, seconds: float) -> int | None:
        """Return how the child ended, or None if it still runs after ``seconds``."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Kill what is left and close the pipes."""
        self.kill()
        for thread in self._threads:
            thread.join(5.0)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def fault(self) -> Fault:
        """Say how a child that ended without a word has died."""
        status = self.complain()
        if self._out_of_memory(status):
            return Fault(ErrorCode.OUT_OF_MEMORY, "The trainer ran out of memory.")
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            return Fault(
                ErrorCode.CRASHED, f"The trainer was ended by {name} (signal {-status}).", name
            )
        return Fault(ErrorCode.CRASHED, f"The trainer ended with status {status}.", str(status))

    def complain(self) -> int | None:
        """Log for the operator what the child said on its standard error; return its status."""
        status = self.wait(10.0)
        self._threads[1].join(1.0)
        logger.warning(
            "trainer.died", extra={"status": status, "stderr": "\n".join(self._complaints)}
        )
        return status

    def _out_of_memory(self, status: int | None) -> bool:
        if status == -signal.SIGKILL:
            return self.memory.killed_for_memory()
        said = "\n".join(self._complaints).lower()
        return status not in (None, 0) and any(words in said for words in _MEMORY_WORDS)

    def look(self) -> bool:
        """Look at the child's memory; end a child above its limit, and say whether that was so."""
        self.memory.look(self.pid)
        if self.memory.over:
            logger.warning("trainer.memory", extra={"pid": self.pid, "held": self.memory.resident})
            self.kill()
        return self.memory.over

    def _read(self, pipe: IO[bytes]) -> None:
        while line := pipe.readline(_MESSAGE):
            try:
                self._messages.put(parse_message(line))
            except ValueError:
                logger.warning("trainer.unreadable", extra={"line": line[:200]})
        self._messages.put(None)

    def _overhear(self, pipe: IO[bytes]) -> None:
        while line := pipe.readline(_LINE):
            self._complaints.append(line.decode("utf-8", "replace").rstrip())
