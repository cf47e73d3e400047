"""A hub of one repository on this machine, for `huggingface_hub`'s own client to talk to."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

COMMIT = "c0ffee" + "0" * 34


class Hub(ThreadingHTTPServer):
    """Answers for `repository` with the files of `folder`; knows what was fetched."""

    def __init__(self, repository: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repository = repository
        self.folder = folder
        self.fetched: list[str] = []
        self.refuses = 0
        """Status to answer everything with, where not 0."""
        self.breaks_off = ""
        """Name of a file of which only the first half is sent."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: a test's output is its own."""

    def _answer(self, *, body: bool) -> None:
        hub = self.server
        path = urlsplit(self.path).path
        api, files = f"/api/models/{hub.repository}", f"/{hub.repository}/resolve/{COMMIT}/"
        if hub.refuses:
            self._send(b"{}", hub.refuses, body=body)
        elif path in {api, f"{api}/revision/main"}:
            self._send(json.dumps({"id": hub.repository, "sha": COMMIT}).encode(), body=body)
        elif path.startswith(f"{api}/tree/"):
            self._send(json.dumps(self._tree()).encode(), body=body)
        elif path.startswith(files) and (hub.folder / path.removeprefix(files)).is_file():
            name = path.removeprefix(files)
            if body:
                hub.fetched.append(name)
            self._send((hub.folder / name).read_bytes(), body=body, half=name == hub.breaks_off)
        else:
            self._send(b"{}", 404, body=body)

    def _tree(self) -> list[dict[str, object]]:
        return [
            {
                "type": "file",
                "path": path.name,
                "size": path.stat().st_size,
                "oid": _etag(path.read_bytes()),
            }
            for path in sorted(self.server.folder.iterdir())
        ]

    def _send(self, data: bytes, status: int = 200, *, body: bool, half: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{_etag(data)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()
        if body:
            self.wfile.write(data[: len(data) // 2] if half else data)


def _etag(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


@contextmanager
def hub_of(repository: str, folder: Path) -> Iterator[Hub]:
    """Run a hub for the length of the block."""
    with Hub(repository, folder) as hub:
        thread = Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
