"""The web process's patience: with slow heads, slow bodies, slow readers and endless requests."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvicorn

from anneal.kernel.errors import DomainError
from anneal.kernel.stopping import stopping
from anneal.web import HEAD_BYTES, PatientProtocol, Server
from mlworker.serving.gateway.http import ClientGone, body_read, respond, respond_error

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
BIG = b"x" * 8_000_000


class Hurried(PatientProtocol):
    """The same with little time, so that a test need not wait."""

    head_seconds = 0.4
    body_seconds = 0.4
    read_seconds = 0.4
    linger_seconds = 0.4


gone: list[str] = []


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Tell how long the body was, at once or after a second, or send much, or for ever."""
    try:
        body = await body_read(scope, receive)
        if scope["path"] == "/events":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while not stopping.is_set():
                await send({"type": "http.response.body", "body": b".", "more_body": True})
                await asyncio.sleep(0.05)
            await send({"type": "http.response.body"})
            return
        await asyncio.sleep(1.0 if scope["path"] == "/late" else 0.0)
        await respond(send, 200, BIG if scope["path"] == "/big" else b"%d" % len(body), [])
    except DomainError as error:
        await respond_error(send, error, [])
    except ClientGone:
        gone.append(scope["path"])


Story = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


@pytest.fixture(autouse=True)
def nothing_stops() -> Iterator[None]:
    yield
    stopping.clear()


def told(story: Story, *, stop_after: float = 60.0) -> Any:
    """Play a client's part at a real server."""

    async def play() -> Any:
        config = uvicorn.Config(
            application, port=0, http=Hurried, lifespan="off", log_config=None, access_log=False
        )
        server = Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(stop_after, setattr, server, "should_exit", True)
        port = server.servers[0].sockets[0].getsockname()[1]
        taken = socket.create_connection(("127.0.0.1", port))
        # A kernel that keeps megabytes asks for more only when many were read, and then at once.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        reader, writer = await asyncio.open_connection(sock=taken)
        try:
            async with asyncio.timeout(20):
                return await story(reader, writer)
        finally:
            writer.close()
            server.should_exit = True
            await task

    return asyncio.run(play())


async def dripped(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drops: bytes
) -> bytes:
    """Send a byte at a time until the server ends the connection; what it said."""
    ended = asyncio.ensure_future(reader.read())
    for drop in drops:
        if ended.done():
            break
        writer.write(bytes([drop]))
        await asyncio.wait([ended], timeout=0.1)
    return await ended


def test_a_head_that_drips_is_ended() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        return await dripped(reader, writer, b"POST / HTTP/1.1\r\n")

    assert told(story).startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def story(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
        return await reader.read()

    assert told(story) == b""


def test_a_second_head_on_the_same_connection_may_not_drip_either() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD % 2 + b"ab" + b"POST")
        await asyncio.sleep(0.2)
        writer.write(b" /")
        return await reader.read()

    said = told(story)

    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\n2HTTP/1.1 408 " in said


def test_bytes_behind_a_request_do_not_end_its_answer() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write((HEAD % 2).replace(b"/ ", b"/late ", 1) + b"ab")
        await asyncio.sleep(0.1)
        writer.write(b"\r\n")  # as some old clients end a body
        return await reader.read(500)

    assert told(story).endswith(b"\r\n\r\n2")


def test_endless_headers_are_refused() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (HEAD_BYTES // 6))
        return await reader.read()

    assert told(story).startswith(b"HTTP/1.1 431 ")


def test_a_body_that_drips_or_never_comes_ends_the_call_and_one_that_flows_does_not() -> None:
    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD % 100)
        return await dripped(reader, writer, b"x" * 50)

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD % 100)
        return await reader.read()

    async def flows(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD % 40_000)
        for _ in range(8):
            writer.write(b"x" * 5_000)
            await asyncio.sleep(0.15)
        return await reader.read(200)

    gone.clear()
    assert told(drips) == told(never) == b""
    assert gone == ["/", "/"]
    assert told(flows).endswith(b"\r\n\r\n40000")


def test_a_refused_body_is_read_for_a_while_and_then_cut() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        started = time.monotonic()
        writer.write(HEAD % 100_000_000)
        answer = await reader.read(100)
        assert answer.startswith(b"HTTP/1.1 413 ")
        try:
            while True:
                writer.write(b"x" * 10_000)
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            return time.monotonic() - started

    assert told(story) >= 0.4


def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport has it
        writer.write((HEAD % 1).replace(b"/ ", b"/big ", 1) + b"x")
        await asyncio.sleep(1.5)
        writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        try:
            return len(await reader.read())
        except ConnectionError:
            return 0

    assert told(story) < len(BIG)


def test_a_client_that_reads_slowly_and_steadily_gets_all_of_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Hurried, "read_seconds", 1.0)

    async def story(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write((HEAD % 1).replace(b"/ ", b"/big ", 1) + b"x")
        await reader.readuntil(b"\r\n\r\n")
        read = 0
        for _ in range(20):  # five times as long as one may read nothing
            read += len(await reader.read(60_000))
            await asyncio.sleep(0.25)
        return read + len(await reader.readexactly(len(BIG) - read))

    assert told(story) == len(BIG)


def test_a_server_that_stops_ends_streams_of_events_and_answers_what_is_under_way() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write((HEAD % 1).replace(b"/ ", b"/events ", 1) + b"x")
        return await reader.read()

    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write((HEAD % 1).replace(b"/ ", b"/late ", 1) + b"x")
        return await reader.read()

    assert told(listen, stop_after=0.3).endswith(b"\r\n0\r\n\r\n")
    stopping.clear()
    assert told(call, stop_after=0.3).endswith(b"\r\n\r\n1")
