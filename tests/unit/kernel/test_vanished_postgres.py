"""A Postgres whose host vanishes: nobody waits for it as long as a kernel left alone would."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.db import ConnectionHandler, OperationalError

from anneal.kernel.database import VANISHED, database_conninfo, database_settings
from mlworker.serving.gateway.runtime import pool_new
from tests.unit.conftest import DatabaseClone

LONG = "x" * 16_000_000
"""More than the kernel takes for a peer that reads nothing."""
PATIENCE = 30


class Road:
    """A TCP port before the tests' Postgres. Once blocked it takes nothing and says nothing."""

    def __init__(self, clone: DatabaseClone) -> None:
        given = urlsplit(clone.app_url)
        self._server = f"{parse_qs(given.query)['host'][0]}/.s.PGSQL.5432"
        self._door = socket.socket()
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._door.bind(("127.0.0.1", 0))
        self._door.listen()
        self._sockets = [self._door]
        self._open = threading.Event()
        self._open.set()
        host, port = self._door.getsockname()
        self.url = f"postgresql://{given.username}:{given.password}@{host}:{port}{given.path}"
        self._start(self._take)

    def block(self) -> None:
        self._open.clear()

    def close(self) -> None:
        self._open.set()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _start(self, work: Callable[..., None], *given: Any) -> None:
        threading.Thread(target=work, args=given, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._sockets += [client, server]
                self._start(self._carry, client, server)
                self._start(self._carry, server, client)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while self._open.wait() and (data := source.recv(4_096)):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def road(database_clone: DatabaseClone) -> Iterator[Road]:
    made = Road(database_clone)
    yield made
    made.close()


def test_a_connection_asks_early_whether_its_host_is_still_there(road: Road) -> None:
    with psycopg.connect(database_conninfo(road.url)) as link:
        carrier = socket.socket(fileno=socket.dup(link.fileno()))
    with carrier:
        seen = [
            carrier.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            carrier.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            carrier.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            carrier.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
            carrier.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        ]

    assert seen == [1, 10, 5, 2, 15_000]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VANISHED, "tcp_user_timeout", "500")


@pytest.mark.django_db
@pytest.mark.usefixtures("hurried")
def test_djangos_connection_ends_when_its_host_has_vanished(road: Road) -> None:
    settings = database_settings(road.url, pool=False)
    link: Any = ConnectionHandler({"default": settings})["default"]

    def ask(text: str) -> None:
        with link.cursor() as cursor:
            cursor.execute("SELECT length(%s)", [text])

    link.inc_thread_sharing()
    with ThreadPoolExecutor(1) as other:
        other.submit(ask, "there").result(PATIENCE)
        road.block()
        try:
            with pytest.raises(OperationalError):
                other.submit(ask, LONG).result(PATIENCE)
        finally:
            road.close()


@pytest.mark.usefixtures("hurried")
def test_the_gateways_connection_ends_when_its_host_has_vanished(road: Road, settings: Any) -> None:
    settings.DATABASE_URL = road.url

    async def play() -> None:
        pool = pool_new()
        await pool.open()
        try:
            async with asyncio.timeout(PATIENCE), pool.connection() as link:
                await link.execute("SELECT 1")
                road.block()
                await link.execute("SELECT length(%s)", [LONG])
        finally:
            road.close()
            await pool.close(timeout=2)

    with pytest.raises(psycopg.OperationalError):
        asyncio.run(play())
