"""The web process: uvicorn with bounded patience for slow and endless clients.

Stock uvicorn waits for ever for the rest of a request's head, keeps as many headers as are sent,
and waits for ever for a client that does not read its answer.

Told to stop, it takes no more and lets what is under way end within the grace. Streams of events
would have no end: they are ended at once, and their readers come back to the next process.
"""

import argparse
import asyncio
import fcntl
import socket
import sys
import termios
from contextlib import suppress
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from anneal.kernel.stopping import stopping

HEAD_SECONDS: Final = 10.0
"""How long a request's head may take to arrive."""
HEAD_BYTES: Final = 65_536
BODY_SECONDS: Final = 20.0
BODY_BYTES: Final = 4_096
"""So much of a body has to arrive in each `BODY_SECONDS`."""
READ_SECONDS: Final = 60.0
READ_BYTES: Final = 65_536
"""So much of an answer that waits for its client has to be taken in each `READ_SECONDS`."""
IDLE_SECONDS: Final = 75
"""How long a connection may wait for its next request. Longer than common clients keep one (httpx 5
s): where the server closes first, a request can meet a connection that is just being closed."""
GRACE_SECONDS: Final = 8
"""How long what is under way may take to end: under `up`, whose patience is a little longer."""
LINGER_SECONDS: Final = 10.0
"""How long the rest of a body that was refused is read and dropped, so that the answer is seen."""

_TOO_LATE: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class PatientProtocol(HttpToolsProtocol):
    """One connection. A request that arrives in one piece starts no timer."""

    head_seconds: float = HEAD_SECONDS
    body_seconds: float = BODY_SECONDS
    read_seconds: float = READ_SECONDS
    linger_seconds: float = LINGER_SECONDS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._in_head = True
        self._in_body = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as there
        """Wait for a first request, and not for ever."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all timers."""
        for timer in (self._head_timer, self._body_timer, self._read_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came, and see how far the request is."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes:
            if self._head_bytes > HEAD_BYTES:
                self.transport.write(_TOO_LARGE)
                self.transport.close()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(self.head_seconds, self._head_late)
        elif self._in_body and self._body_timer is None:
            self._body_timer = self.loop.call_later(self.body_seconds, self._body_look)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """The head is there; the body may follow."""
        super().on_headers_complete()
        self._in_head, self._in_body, self._body_bytes = False, True, 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        super().on_body(body)
        self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        """The request is there; the next one may follow."""
        super().on_message_complete()
        self._in_head, self._in_body, self._head_bytes = True, False, 0
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        if self._linger_timer is not None:
            self._linger_timer.cancel()
            self._linger_timer = None

    def on_response_complete(self) -> None:
        """The answer is sent; of a body still on its way only so much is read."""
        super().on_response_complete()
        if self._in_body and self._linger_timer is None and not self.transport.is_closing():
            self._linger_timer = self.loop.call_later(self.linger_seconds, self._end)

    def pause_writing(self) -> None:
        """The client does not read what was sent."""
        super().pause_writing()
        if self._read_timer is None:
            self._unread = self._waiting()
            self._read_timer = self.loop.call_later(self.read_seconds, self._read_look)

    def resume_writing(self) -> None:
        """It reads on."""
        super().resume_writing()
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if not getattr(self.cycle, "response_complete", True):  # there is none at first
            # Bytes behind a request whose answer is still being made: it is not theirs to end.
            self._head_timer = self.loop.call_later(self.head_seconds, self._head_late)
            return
        # Browsers open connections ahead: one that was never used is closed without a word.
        if self._head_bytes:
            self.transport.write(_TOO_LATE)
        self.transport.close()

    def _body_look(self) -> None:
        self._body_timer = None
        if not self._in_body or self.transport.is_closing():
            return
        if self._body_bytes < BODY_BYTES and not self.flow.read_paused:
            self._end()
            return
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self.body_seconds, self._body_look)

    def _read_look(self) -> None:
        left = self._waiting()
        if left > self._unread - READ_BYTES:
            self._end()
            return
        self._unread = left
        self._read_timer = self.loop.call_later(self.read_seconds, self._read_look)

    def _waiting(self) -> int:
        """Return the bytes that wait for the client, here and in the kernel.

        The kernel asks for more only when a third of its megabytes has left, which takes a slow
        reader minutes: by what waits here alone, it would seem to read nothing.
        """
        waiting = self.transport.get_write_buffer_size()
        carrier = self.transport.get_extra_info("socket")
        try:
            # Linux's SIOCOUTQ. Elsewhere only what waits here is known.
            queued = fcntl.ioctl(carrier, termios.TIOCOUTQ, bytes(4))
        except (OSError, ValueError):
            return waiting
        return waiting + int.from_bytes(queued, sys.byteorder)

    def _end(self) -> None:
        """Cut the connection: what waits to be sent is not waited for."""
        self.transport.abort()


class Server(uvicorn.Server):
    """Tells the whole process that it stops before it waits for what is under way."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        stopping.set()
        await super().shutdown(sockets)


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m anneal.web", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--grace", type=int, default=GRACE_SECONDS, help="seconds for what is under way"
    )
    options = parser.parse_args(arguments)
    server = Server(
        uvicorn.Config(
            "anneal.asgi:application",
            host=options.host,
            port=options.port,
            http=PatientProtocol,
            access_log=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=options.grace,
        )
    )
    with suppress(KeyboardInterrupt):  # raised anew once it has stopped
        server.run()
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    main()
