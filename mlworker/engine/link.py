"""How a run talks with whoever supervises it: messages out, commands in.

`poll` is called between micro-steps. It applies thread budgets and raises `StopRequested` or
`Orphaned`; both fly through the training loop untouched.
"""

from __future__ import annotations

import os
import select
from typing import Protocol

import torch

from mlworker.engine.contracts import (
    Message,
    StopCommand,
    ThreadsCommand,
    encode_message,
    parse_command,
)

_READ = 65_536
_MAX_PENDING = 1_000_000


class StopRequested(BaseException):
    """The supervisor wants the run to end; not an error, so no `except Exception` eats it."""

    def __init__(self, command: StopCommand) -> None:
        super().__init__(command.mode)
        self.command = command


class Orphaned(BaseException):
    """The supervisor is gone: its end of the pipe is closed."""


class Link(Protocol):
    """A run's view of its supervisor."""

    polite: bool
    """True while online calls are being answered beside this run."""

    def send(self, message: Message) -> None:
        """Deliver a message; raises Orphaned when nobody can receive it."""
        ...

    def poll(self) -> None:
        """Obey what has been said meanwhile; never blocks."""
        ...


class LocalLink:
    """Runs inside the caller's own process: keeps the messages, obeys nobody."""

    def __init__(self) -> None:
        self.polite = False
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        """Keep the message."""
        self.messages.append(message)

    def poll(self) -> None:
        """Nothing is ever said."""


class PipeLink:
    """JSON lines over two file descriptors."""

    def __init__(self, commands: int, messages: int, *, polite: bool) -> None:
        self.polite = polite
        self._commands = commands
        self._messages = messages
        self._pending = b""
        os.set_blocking(commands, False)

    def send(self, message: Message) -> None:
        """Write one line; blocks when the supervisor does not read."""
        data = (encode_message(message) + "\n").encode()
        try:
            while data:
                data = data[os.write(self._messages, data) :]
        except BrokenPipeError as error:
            raise Orphaned from error

    def poll(self) -> None:
        """Read what there is, line by line."""
        while select.select([self._commands], [], [], 0)[0]:
            chunk = os.read(self._commands, _READ)
            if not chunk:
                raise Orphaned
            self._pending += chunk
            if len(self._pending) > _MAX_PENDING:
                raise Orphaned
        while b"\n" in self._pending:
            line, self._pending = self._pending.split(b"\n", 1)
            self._obey(line)

    def _obey(self, line: bytes) -> None:
        try:
            command = parse_command(line)
        except ValueError:
            return  # an older child ignores what a newer supervisor says
        if isinstance(command, StopCommand):
            raise StopRequested(command)
        if isinstance(command, ThreadsCommand):
            torch.set_num_threads(max(1, command.n))
            self.polite = command.polite
