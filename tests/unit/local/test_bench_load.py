"""The load generator of the benchmarks: a call that is due is answered or a failure."""

import asyncio
from collections.abc import Callable

from benchmarks.load import Plan, Result, play

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server(asyncio.Protocol):
    """Answers what comes, and hangs up on whoever is idle for a while."""

    def __init__(self, answer: Callable[[asyncio.Transport], None]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._answer(self._transport)


def played(answer: Callable[[asyncio.Transport], None], rate: float = 0.0) -> Result:
    async def run() -> Result:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Server(answer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await play(Plan(f"http://127.0.0.1:{port}", "/", [""], ["{}"], 4, 0.6, rate))

    return asyncio.run(run())


def test_a_client_that_the_server_hung_up_on_while_idle_loses_no_call() -> None:
    def idle_is_short(transport: asyncio.Transport) -> None:
        transport.write(ANSWER)
        asyncio.get_running_loop().call_later(0.002, transport.close)

    result = played(idle_is_short, rate=50)

    assert result.calls > 10
    assert result.failures < result.calls / 4  # those sent in the very moment


def test_calls_that_a_server_leaves_unanswered_are_failures() -> None:
    result = played(lambda transport: transport.close())

    assert (result.calls, result.failures) == (0, 4)
    assert result.first_failure == "the server hung up"


def test_what_is_due_without_a_server_is_a_failure_once() -> None:
    plan = Plan("http://127.0.0.1:1", "/", [""], ["{}"], 4, 0.5, 100)
    result = asyncio.run(play(plan))

    assert result.calls == 0
    assert 30 < result.failures < 50  # 40 fall due by these dice


def test_all_clients_are_answered_by_turns() -> None:
    result = played(lambda transport: transport.write(ANSWER))

    assert result.failures == 0
    assert len(result.milliseconds) == result.calls > 4
