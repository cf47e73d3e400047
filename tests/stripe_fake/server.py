"""The fake as an HTTP server on this machine."""

import json
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.stripe_fake.control import Control
from tests.stripe_fake.faults import Faults
from tests.stripe_fake.service import Reply, Request, Service


class Server(ThreadingHTTPServer):
    """Answers `/v1/...` as Stripe and `/_fake/...` as the hand that steers it."""

    daemon_threads = True

    def __init__(self, service: Service, faults: Faults, control: Control, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.service = service
        self.faults = faults
        self.control = control

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away while it was answered is no fault of the fake's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: a test's output is its own."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        path = self.path.partition("?")[0]
        if path.startswith("/_fake/"):
            status, told = self.server.control.call(path.removeprefix("/_fake/"), body)
            self._send(Reply(status, told))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        rule = self.server.faults.take(self.command, path)
        request = Request(self.command, self.path, headers, body)
        reply = self.server.service.answer(request, rule)
        time.sleep(reply.seconds)
        self.server.service.sent(reply)
        if reply.cut:
            self._cut()
        else:
            self._send(reply)

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, reply: Reply) -> None:
        body = json.dumps(reply.body, indent=2).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name.title(), value)
        self.end_headers()
        self.wfile.write(body)
