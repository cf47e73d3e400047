"""A load generator: N keep-alive connections, one request at a time each, in a process of its own.

Written on bare asyncio protocols so that it costs little beside what it measures; its processor
time is reported, never counted.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
IDLE_SECONDS = 4.0
"""After which a connection is not used again: uvicorn hangs up on one that was idle for five."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: request i goes out with body i modulo their number and key likewise."""

    url: str
    path: str
    keys: list[str]
    bodies: list[str]
    clients: int
    seconds: float
    rate: float = 0.0
    """Calls a second whatever comes back, at random moments; 0 = each client by turns with its
    answers. A call's time then counts from when it was due."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came back. Times are milliseconds of successful calls, sorted; what was due and is not
    among them is a failure."""

    calls: int
    failures: int
    seconds: float
    milliseconds: list[float]
    first_failure: str
    cpu_seconds: float

    def quantile(self, share: float) -> float:
        """Return a latency quantile in milliseconds."""
        if not self.milliseconds:
            return float("nan")
        return self.milliseconds[
            min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))
        ]


def load_run(plan: Plan) -> Result:
    """Run a plan in another process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=plan.seconds + 120,
    )
    return Result(**json.loads(done.stdout))


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last is whole."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._buffer = bytearray()
        self._sent = 0.0
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        assert self._transport is not None
        if self._run.plan.rate:
            self._run.free(self)
            return
        request = self._run.next_request()
        if request is None:
            self._transport.close()
            return
        self.ask(request, time.perf_counter())

    def ask(self, request: bytes, due: float) -> None:
        """Send a request that was due at some moment."""
        assert self._transport is not None
        self._sent = due
        self._transport.write(request)

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = bytes(self._buffer[:head]).lower()
        start = lower.find(b"content-length:") + 15
        end = lower.find(b"\r\n", start)
        length = int(lower[start : end if end >= 0 else None])
        if len(self._buffer) < head + 4 + length:
            return
        took = (time.perf_counter() - self._sent) * 1000
        self._run.record(bytes(self._buffer[: head + 4 + length]), took)
        self._buffer.clear()
        self._next()

    def connection_lost(self, _: Exception | None) -> None:
        self._run.closed(self)


class _Run:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = [_encode(plan, index) for index in range(_period(plan))]
        self.sent = self.refused = 0
        """Calls that went out; those of clients whose connection was refused."""
        self.times: list[float] = []
        self.first_failure = ""
        self.left = 0
        self.end = 0.0
        self.over = asyncio.Event()
        self.idle: list[_Client] = []
        self.due: deque[float] = deque()
        self.closing = False
        self._opening: set[asyncio.Task[None]] = set()

    async def play(self) -> None:
        """Send all of it and wait for the last answer."""
        self.end = time.perf_counter() + self.plan.seconds
        if self.plan.rate:
            await self._tick()
        else:
            for _ in range(self.plan.clients):
                self._connect()
        while self.left:
            self.over.clear()
            await self.over.wait()

    def _connect(self) -> None:
        self.left += 1
        task = asyncio.get_running_loop().create_task(self._open())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        parts = urlsplit(self.plan.url)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Client(self), parts.hostname, parts.port)
        except OSError as error:
            # At a rate the call that asked for a connection is still due, and counted there.
            self.refused += not self.plan.rate
            self.first_failure = self.first_failure or str(error)
            self._gone()

    def free(self, client: _Client) -> None:
        """Give a client the next call that is due, or let it wait for one."""
        if self.due:
            client.ask(self._request(), self.due.popleft())
        elif self.closing:
            client.close()
        else:
            client.idle_since = time.perf_counter()
            self.idle.append(client)

    async def _tick(self) -> None:
        """Let calls fall due at random moments until the end."""
        dice = random.Random(5)
        at = time.perf_counter()
        while (at := at + dice.expovariate(self.plan.rate)) < self.end:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            self.due.append(at)
            self._serve_due()
        self.closing = True
        self._hang_up()

    def _hang_up(self) -> None:
        """Close whoever is idle."""
        for client in self.idle:
            client.close()
        self.idle = []

    def _serve_due(self) -> None:
        """Give the next call to the client that was used last, or to a new one."""
        if self.idle and self.idle[-1].idle_since < time.perf_counter() - IDLE_SECONDS:
            self._hang_up()
        if self.idle:
            self.free(self.idle.pop())
        elif self.left < self.plan.clients:
            self._connect()

    def _request(self) -> bytes:
        self.sent += 1
        return self.requests[self.sent % len(self.requests)]

    def next_request(self) -> bytes | None:
        if time.perf_counter() > self.end:
            return None
        return self._request()

    def record(self, answer: bytes, milliseconds: float) -> None:
        if answer.startswith(b"HTTP/1.1 200"):
            self.times.append(milliseconds)
        else:
            self.first_failure = self.first_failure or answer[:600].decode("latin-1")

    def closed(self, client: _Client) -> None:
        """Forget a client; the server hangs up on who is idle for long."""
        self.idle = [each for each in self.idle if each is not client]
        self._gone()
        if self.due:
            self._serve_due()

    def _gone(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.over.set()


def _period(plan: Plan) -> int:
    return max(len(plan.bodies), len(plan.keys))


def _encode(plan: Plan, index: int) -> bytes:
    body = plan.bodies[index % len(plan.bodies)].encode()
    key = plan.keys[index % len(plan.keys)]
    told = f"Authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {plan.path} HTTP/1.1\r\nHost: {urlsplit(plan.url).netloc}\r\n"
        f"{told}Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def play(plan: Plan) -> Result:
    """Run a plan in this process."""
    run = _Run(plan)
    started = time.perf_counter()
    await run.play()
    seconds = time.perf_counter() - started
    failures = run.refused + run.sent + len(run.due) - len(run.times)
    times = os.times()
    return Result(
        calls=len(run.times),
        failures=failures,
        seconds=seconds,
        milliseconds=sorted(run.times),
        first_failure=run.first_failure or ("the server hung up" if failures else ""),
        cpu_seconds=times.user + times.system,
    )


def main() -> None:
    """Read a plan from stdin, play it, print the result."""
    plan = Plan(**json.loads(sys.stdin.read()))
    result = asyncio.run(play(plan))
    print(json.dumps(asdict(result)))  # noqa: T201 # the result goes to the caller by stdout


if __name__ == "__main__":
    main()
