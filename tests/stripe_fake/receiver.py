"""A receiver of webhooks on this machine that remembers what came."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Received:
    """One request, as raw as a signature needs it."""

    body: bytes
    signature: str


class Receiver(ThreadingHTTPServer):
    """Takes what comes, or refuses it with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.status = 200
        self.location = ""
        """Where it sends whoever asks, with a status above 299."""
        self.asks: Callable[[], object] = lambda: None
        """What it does before it answers."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/webhooks"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.received.append(Received(body, self.headers["Stripe-Signature"]))
        self.server.asks()
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: a test's output is its own."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver for the length of the block."""
    with Receiver() as receiver:
        thread = Thread(target=receiver.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
