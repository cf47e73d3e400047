"""A streamed answer, with parts that are answered, fail or hang as the test says."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from anneal.kernel.errors import QuotaExhausted
from mlworker.serving.errors import EngineFailed, Overloaded
from mlworker.serving.gateway.asking import Outcome, Prepared
from mlworker.serving.gateway.call import Call
from mlworker.serving.gateway.http import ClientGone
from mlworker.serving.gateway.jobs import Job
from mlworker.serving.gateway.streaming import AHEAD, EVENTS, LINES, PART_TEXTS, Stream, parts_of
from mlworker.serving.gateway.tickets import Replay, StoreAs
from mlworker.serving.protocol import Answer

PARTS = 8
CHOSEN: Any = object()
"""The model that the call is answered by."""
TEXTS = [f"text {number}" for number in range(PARTS * PART_TEXTS - 10)]


class Script:
    """Stands where `Asking` stands: `let` answers a part, `fail` refuses it."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.abandoned: list[int] = []
        self.told: list[int] = []
        self.choices: set[object] = set()
        self._open: dict[int, asyncio.Future[Any]] = {}
        self.at_once = ""
        """How parts are answered without being let."""
        self.room = PARTS
        """How many parts may be under way."""
        self.under_way = 0

    def _future(self, first: int) -> "asyncio.Future[Any]":
        if first not in self._open:
            self._open[first] = asyncio.get_running_loop().create_future()
        return self._open[first]

    def let(self, part: int, answer: Any = "answered") -> None:
        self._future(part * PART_TEXTS).set_result(answer)

    def fail(self, part: int, error: Exception) -> None:
        self._future(part * PART_TEXTS).set_exception(error)

    async def prepare(self, part: Job, choice: Any) -> Prepared:
        self.choices.add(choice)
        rows = [{"index": part.first + place, "t": text} for place, text in enumerate(part.texts)]
        usage = {"predictions": len(part.texts), "tokens": 2 * len(part.texts)}
        body = {"object": "list", "model": "m", "data": rows, "usage": usage}
        ticket = SimpleNamespace(
            first=part.first,
            items=len(part.texts),
            units=len(part.texts),
            body=lambda _: json.dumps(body).encode(),
        )
        return Prepared(part, ticket, part.texts, None, None, None)  # type: ignore[arg-type] # by script

    async def answer(self, part: Job, choice: Any, prepared: Prepared, _: None) -> Outcome:
        self.choices.add(choice)
        if self.under_way >= self.room:
            raise Overloaded(retry_after=1)
        self.asked.append(part.first)
        self.under_way += 1
        try:
            word = self.at_once or await self._future(part.first)
        finally:
            self.under_way -= 1
        answer: Answer | Replay = Answer(0, 0, b"", 1.5, 2.0)
        if word == "stored":
            answer = Replay(prepared.ticket.body(answer).decode())
        return Outcome(prepared, answer)

    def abandon(self, ticket: Any) -> None:
        self.abandoned.append(ticket.first)
        future = self._future(ticket.first)
        if not future.done():
            future.set_exception(ClientGone())

    def left(self, _: Any, outcome: Any, __: bytes) -> None:
        self.told.append(outcome.ticket.first)


class Client:
    """Reads what is sent; `leave` closes the connection."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._gone = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.messages.append(message)

    async def receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self._gone.set()

    @property
    def text(self) -> str:
        return b"".join(each.get("body", b"") for each in self.messages).decode()

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def ended(self) -> bool:
        return bool(self.messages) and self.messages[-1].get("more_body") is False


Story = Callable[[Script, Client, "asyncio.Task[None]"], Awaitable[None]]


def played(story: Story, *, framing: Any = LINES, store: StoreAs | None = None) -> Call:
    """Run a story beside a stream of TEXTS, and see that nothing is left behind."""

    async def play() -> Call:
        script, client = Script(), Client()
        scope = {"headers": [(b"x-request-id", b"mine-7")]}
        call = Call(scope, client.receive, client.send, "classify_stream")
        target = SimpleNamespace(name="m", compared=True)
        job = Job("classify", None, None, target, TEXTS, None, store)  # type: ignore[arg-type] # by script
        stream = Stream(call, job, CHOSEN, script, framing)  # type: ignore[arg-type] # by script
        task = asyncio.create_task(stream.run())
        async with asyncio.timeout(10):
            await story(script, client, task)
            await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return call

    return asyncio.run(play())


async def a_moment() -> None:
    await asyncio.sleep(0.02)


def test_rows_leave_in_order_while_later_ones_are_not_even_asked_for() -> None:
    async def story(script: Script, client: Client, _: Any) -> None:
        await a_moment()
        assert script.asked == [part * PART_TEXTS for part in range(AHEAD)]
        script.let(1)
        await a_moment()
        assert client.messages == []
        script.let(0)
        await a_moment()
        assert [row["index"] for row in client.lines] == list(range(2 * PART_TEXTS))
        assert len(script.asked) == 2 + AHEAD
        for part in range(2, PARTS):
            script.let(part)
        await a_moment()
        *rows, last = client.lines
        assert [row["t"] for row in rows] == TEXTS
        assert last["data"] == []
        assert last["usage"] == {"predictions": len(TEXTS), "tokens": 2 * len(TEXTS)}
        assert last["metering"] == {"units": len(TEXTS), "queue_ms": 1.5, "inference_ms": 16.0}
        assert client.ended
        assert script.told == [part * PART_TEXTS for part in range(PARTS)]
        headers = dict(client.messages[0]["headers"])
        assert headers[b"content-type"] == b"application/x-ndjson"
        assert headers[b"x-request-id"] == b"mine-7"

    assert played(story).status == 200


def test_all_parts_are_asked_of_the_model_that_was_chosen_at_the_start() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.at_once = "answered"
        await task
        assert len(script.asked) == PARTS
        assert script.choices == {CHOSEN}

    played(story)


def test_events_carry_the_same_lines_and_say_when_it_is_done() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.at_once = "answered"
        await task
        *events, done, empty = client.text.split("\n\n")
        assert (done, empty) == ("data: [DONE]", "")
        lines = [json.loads(event.removeprefix("data: ")) for event in events]
        assert [line["t"] for line in lines[:-1]] == TEXTS
        assert lines[-1]["metering"]["units"] == len(TEXTS)

    played(story, framing=EVENTS)


def test_a_client_that_leaves_gives_up_what_was_not_answered() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.let(0)
        await a_moment()
        client.leave()
        with pytest.raises(ClientGone):
            await task
        assert script.asked == [part * PART_TEXTS for part in range(1 + AHEAD)]
        assert sorted(script.abandoned) == script.asked[1:]

    played(story)


def test_a_first_part_that_is_refused_is_a_plain_refusal() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        await a_moment()
        script.fail(0, QuotaExhausted())
        with pytest.raises(QuotaExhausted):
            await task
        assert client.messages == []
        assert len(script.asked) == AHEAD
        assert sorted(script.abandoned) == script.asked[1:]

    played(story)


def test_a_failure_later_on_is_the_last_line_after_all_that_was_charged() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        await a_moment()
        script.let(0)
        script.let(2)  # answered, and so charged, behind the one that fails
        await a_moment()
        script.fail(1, EngineFailed())
        await task
        *rows, last = client.lines
        first, third = range(PART_TEXTS), range(2 * PART_TEXTS, 3 * PART_TEXTS)
        assert [row["index"] for row in rows] == [*first, *third]
        assert last["error"]["code"] == "engine_failed"
        assert last["metering"]["units"] == 2 * PART_TEXTS
        assert client.ended
        assert script.abandoned == [3 * PART_TEXTS]

    assert played(story).status == 200


def test_a_part_without_room_beside_those_before_it_waits_for_them() -> None:
    """Parts of long texts on a slow machine: a list of its own must not crowd itself out."""

    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.room = 1
        for part in range(PARTS):
            await a_moment()
            assert script.asked == [each * PART_TEXTS for each in range(part + 1)]
            script.let(part)
        await task
        *rows, last = client.lines
        assert [row["t"] for row in rows] == TEXTS
        assert "error" not in last

    assert played(story).status == 200


def test_a_part_that_others_leave_no_room_ends_the_stream() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.room = 1
        await a_moment()
        script.room = 0
        script.let(0)
        await task
        *rows, last = client.lines
        assert [row["index"] for row in rows] == list(range(PART_TEXTS))
        assert last["error"]["code"] == "overloaded"
        assert script.asked == [0]

    assert played(story).status == 200


def test_a_client_that_leaves_while_a_part_waits_for_room_has_asked_for_no_more() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.room = 1
        await a_moment()
        client.leave()
        with pytest.raises(ClientGone):
            await task
        assert (script.asked, script.abandoned) == ([0], [0])

    played(story)


def test_a_fault_of_ours_is_told_as_one_and_no_second_answer_begins() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.let(0)
        await a_moment()
        script.fail(1, ZeroDivisionError())
        await task
        assert client.lines[-1]["error"]["code"] == "internal_error"
        starts = [each for each in client.messages if each["type"] == "http.response.start"]
        assert len(starts) == 1

    assert played(story).status == 200


def test_lines_are_taken_by_who_takes_nothing_else() -> None:
    for accept, asked, streams in (
        (b"application/x-ndjson", False, True),
        (b"application/json, application/x-ndjson", False, False),
        (b"application/json, application/x-ndjson", True, True),
        (b"*/*", False, False),
        (b"*/*", True, True),
    ):
        client = Client()
        call = Call({"headers": [(b"accept", accept)]}, client.receive, client.send, "classify")
        assert call.streams(asked=asked) is streams


def test_a_failure_in_events_is_not_said_to_be_done() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.let(0)
        await a_moment()
        script.fail(1, EngineFailed())
        await task
        assert "[DONE]" not in client.text

    played(story, framing=EVENTS)


def test_a_client_that_takes_nothing_is_waited_for_until_its_connection_is_cut() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        script.at_once = "answered"
        client.reads.clear()
        await a_moment()
        assert not task.done()
        assert len(script.asked) <= 1 + AHEAD
        client.leave()
        client.reads.set()  # to a connection that is cut, nothing is sent and nothing waits
        with pytest.raises(ClientGone):
            await task

    assert played(story).status == 499


def test_stored_parts_are_replayed_uncharged_and_the_rest_is_run() -> None:
    async def story(script: Script, client: Client, task: "asyncio.Task[None]") -> None:
        for part in range(PARTS):
            script.let(part, "stored" if part < 2 else "answered")
        await task
        *rows, last = client.lines
        assert [row["t"] for row in rows] == TEXTS
        assert last["usage"]["predictions"] == len(TEXTS)
        assert last["metering"]["units"] == len(TEXTS) - 2 * PART_TEXTS
        assert dict(client.messages[0]["headers"])[b"idempotent-replayed"] == b"true"

    played(story, store=StoreAs("POST /v1/classify", "k", "h"))


def test_each_part_is_kept_under_a_name_of_its_own() -> None:
    target = SimpleNamespace(name="m")
    store = StoreAs("POST /v1/classify", "k", "h")
    job = Job("classify", None, None, target, TEXTS, None, store)  # type: ignore[arg-type] # by script

    parts = list(parts_of(job))

    assert [text for part in parts for text in part.texts] == TEXTS
    scopes = [part.store.scope for part in parts if part.store]
    assert scopes[:2] == ["POST /v1/classify", f"POST /v1/classify from {PART_TEXTS}"]
    assert len(set(scopes)) == PARTS
    assert {(part.store.key, part.store.request_hash) for part in parts if part.store} == {
        ("k", "h")
    }
