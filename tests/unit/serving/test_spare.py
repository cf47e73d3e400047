"""Chunks of batches between the calls: calls go first, and nothing is kept that nobody wants."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from anneal.kernel.redis import redis_client
from mlworker.serving import figures
from mlworker.serving.protocol import (
    Answer,
    Envelope,
    ModelSpec,
    Work,
    answers_decode,
    chunk_key,
    envelope_encode,
    reply_key,
    spare_key,
    tokens_pack,
    waiting_key,
)
from mlworker.serving.worker.adapters import Adapters
from mlworker.serving.worker.line import Line
from mlworker.serving.worker.loop import Loop
from mlworker.serving.worker.spare import CALLS_SECONDS, SLICE_TOKENS_BESIDE_CALLS, Spare

VECTOR = ModelSpec("vector", "embedding", "", "", 0)
BROKEN = ModelSpec("broken", "head", "organizations/none/model.tar", "0" * 64, 2)


class Slow:
    """A base that takes its time, and says in which order rows came."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self.pause = 0.01
        self.slots = 4
        self.base = SimpleNamespace(id="slow")

    def embed(self, rows: Any) -> list[list[float]]:
        self.began.set()
        time.sleep(self.pause)
        self.batches.append([row.ids[0] for row in rows])
        return [[float(row.ids[0])] for row in rows]


class Machine:
    """A loop on that base, and both of its queues."""

    def __init__(self, folder: Path) -> None:
        self.redis, self.base, self.spare = redis_client(), Slow(), Spare()
        self.queue, self.sender = f"test-{uuid4().hex[:8]}", uuid4().hex[:8]
        self.line = Line(f"engine-{uuid4().hex[:8]}", self.queue)
        resident: Any = self.base
        self.adapters = Adapters(resident, folder)
        self.loop = Loop(resident, self.adapters, self.line, self.spare)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.loop.run, args=(self.stopping.is_set,))

    def work(self, number: int, ids: list[list[int]], spec: ModelSpec = VECTOR) -> Work:
        lengths, packed = tokens_pack(ids)
        return Work(number, b"o" * 16, spec, 9e12, lengths, packed)

    def chunk(self, number: int, ids: list[list[int]], spec: ModelSpec = VECTOR) -> str:
        name = uuid4().hex
        raw = envelope_encode(Envelope(self.sender, time.time(), [self.work(number, ids, spec)]))
        self.redis.set(chunk_key(name), raw, ex=60)
        self.redis.lpush(spare_key(self.queue), name)
        return name

    def call(self, number: int, ids: list[list[int]]) -> None:
        raw = envelope_encode(Envelope(self.sender, time.time(), [self.work(number, ids)]))
        self.redis.lpush(waiting_key(self.queue), raw)

    def answers(self, count: int) -> list[Answer]:
        found: list[Answer] = []
        end = time.monotonic() + 20
        while len(found) < count:
            assert time.monotonic() < end, found
            popped = self.redis.brpop([reply_key(self.sender)], timeout=1)
            found += answers_decode(cast("tuple[bytes, bytes]", popped)[1]) if popped else []
        return found

    def stop(self) -> None:
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.stop()
    keys = (spare_key(made.queue), waiting_key(made.queue), reply_key(made.sender))
    made.redis.delete(*keys)


def test_a_chunk_is_answered_row_by_row_whatever_its_order(machine: Machine) -> None:
    ids = [[number] * (1 + number % 7) for number in range(1, 400)]
    machine.chunk(5, ids)
    machine.thread.start()

    [answer] = machine.answers(1)

    assert (answer.number, answer.error, answer.columns) == (5, "", 1)
    assert len(machine.base.batches) > 1
    machine.stop()
    assert machine.spare.chunk == ""


def test_a_call_waits_for_one_slice_and_not_for_the_chunk(machine: Machine) -> None:
    machine.base.pause = 0.1
    machine.chunk(1, [[number] * 100 for number in range(1, 600)])
    machine.thread.start()
    assert machine.base.began.wait(5)

    machine.call(2, [[7_777]])
    [first] = machine.answers(1)

    assert first.number == 2
    place = machine.base.batches.index([7_777])
    assert place <= 2
    assert machine.spare.pending is not None
    time.sleep(0.5)
    # Beside calls a slice is short: whoever calls next waits less.
    tokens = [100 * len(batch) for batch in machine.base.batches[place + 1 :]]
    assert max(tokens) <= SLICE_TOKENS_BESIDE_CALLS


def test_being_woken_for_a_chunk_is_no_call(machine: Machine) -> None:
    machine.thread.start()
    empty = envelope_encode(Envelope(machine.sender, time.time(), []))
    machine.redis.lpush(waiting_key(machine.queue), empty)
    machine.chunk(1, [[1]])

    [answer] = machine.answers(1)

    assert (answer.number, answer.error) == (1, "")
    assert machine.spare.online_seen == 0.0


def test_a_chunk_is_counted_as_one_and_makes_an_engine_no_fuller(machine: Machine) -> None:
    figures.ENGINE_ROWS.take()
    machine.chunk(1, [[1], [2]])
    machine.thread.start()
    machine.answers(1)
    beside = machine.loop.rows, machine.loop.tokens, machine.loop.busy_seconds
    machine.call(2, [[3] * 4])
    machine.answers(1)
    machine.stop()

    told = figures.ENGINE_ROWS.take()
    prefix = "anneal_engine_rows_total", "", "slow"
    rows = {work: told.get("\x1f".join((*prefix, work)), 0) for work in ("batch", "online")}
    assert beside == (0, 0, 0.0)
    assert (machine.loop.rows, machine.loop.tokens) == (1, 4)
    assert machine.loop.busy_seconds > 0
    assert rows == {"batch": 2, "online": 1}


def test_slices_grow_again_when_no_call_comes() -> None:
    spare = Spare()
    work = Work(1, b"o" * 16, VECTOR, 9e12, [10] * 500, bytes(4 * 5_000))
    spare._begin("c", Envelope("s", 0.0, [work]))
    spare.online_seen = time.time()
    assert len(spare.slice()) == 25
    spare.online_seen = time.time() - CALLS_SECONDS - 1
    assert len(spare.slice()) == 204


def test_a_chunk_in_hand_goes_on_in_the_next_lease(machine: Machine) -> None:
    machine.base.pause = 0.05
    rows = 200
    name = machine.chunk(1, [[number] * 100 for number in range(1, rows + 1)])
    machine.thread.start()
    assert machine.base.began.wait(5)
    machine.stop()
    assert machine.spare.chunk == name
    assert 0 < sum(map(len, machine.base.batches)) < rows

    resident: Any = machine.base
    line = Line(f"engine-{uuid4().hex[:8]}", machine.queue)
    next_one = Loop(resident, machine.adapters, line, machine.spare)
    over = threading.Event()
    lease = threading.Thread(target=next_one.run, args=(over.is_set,))
    lease.start()
    [answer] = machine.answers(1)
    over.set()
    lease.join(20)

    assert (answer.number, answer.error) == (1, "")
    assert sum(map(len, machine.base.batches)) == rows


def test_a_chunk_that_nobody_wants_any_more_is_dropped(machine: Machine) -> None:
    machine.base.pause = 0.2
    given_up = machine.chunk(1, [[number] * 2_000 for number in range(1, 100)])
    machine.thread.start()
    assert machine.base.began.wait(5)

    machine.redis.delete(chunk_key(given_up))
    machine.chunk(2, [[1]])
    [answer] = machine.answers(1)

    assert answer.number == 2
    assert len(machine.base.batches) < 50


def test_a_model_that_cannot_be_loaded_refuses_its_chunk(machine: Machine) -> None:
    machine.chunk(1, [[1]], BROKEN)
    machine.chunk(2, [[2]])
    machine.thread.start()

    answers = {answer.number: answer for answer in machine.answers(2)}

    assert answers[1].error
    assert not answers[2].error


def test_what_is_not_wanted_when_it_is_taken_is_stepped_over(machine: Machine) -> None:
    machine.redis.lpush(spare_key(machine.queue), "no such chunk")
    machine.redis.set(chunk_key("foreign"), b"1 no envelope", ex=60)
    machine.redis.lpush(spare_key(machine.queue), "foreign")
    machine.chunk(3, [[3]])

    taken = machine.line.spare_take()

    assert taken is not None
    assert taken[1].works[0].number == 3
    machine.line.spare_return(taken[0])
    again = machine.line.spare_take()
    assert again is not None
    assert again[0] == taken[0]
