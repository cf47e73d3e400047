"""Clients that leave: their rows are dropped wherever they wait."""

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlworker.engine.inference import TokenRow
from mlworker.serving.gateway.runtime import HURRIED_SECONDS, Runtime, _for_ever
from mlworker.serving.protocol import taken_key
from tests.unit.serving.machine import TEXTS, VECTOR, Machine, model_stored
from tests.unit.serving.test_desk import Bench, Post, a_moment, at_the_desk


def test_works_whose_clients_left_are_named_until_engines_were_told() -> None:
    async def story(bench: Bench) -> None:
        sent, other = bench.ticket(), bench.ticket(base="c")
        by_rule = bench.ticket(lengths=[], tokens=b"")
        await a_moment()
        waits = bench.ticket()
        for ticket in (sent, other, by_rule, waits):
            bench.desk.abandon(ticket)
        for _ in range(2):
            assert bench.desk.given_up() == {"b": [sent.number], "c": [other.number]}
        bench.desk.told([sent.number])
        assert bench.desk.given_up() == {"c": [other.number]}

    at_the_desk(story)


def test_what_engines_cannot_be_told_is_forgotten_when_it_is_over() -> None:
    async def story(bench: Bench) -> None:
        answered, late = bench.ticket(), bench.ticket()
        await a_moment()
        for ticket in (answered, late):
            bench.desk.abandon(ticket)
        bench.answer(answered)
        assert bench.desk.given_up() == {"b": [late.number]}
        late.created -= 60
        bench.desk.sweep()
        assert bench.desk.given_up() == {}

    at_the_desk(story)


def test_a_gateway_tells_engines_of_clients_that_left_as_soon_as_it_can() -> None:
    """Redis goes away while it tells, comes back with no engine, and then with one."""
    told: list[tuple[str, list[int]]] = []

    class Redis(Post):
        missed: ClassVar = ["some"]

        async def look(self) -> bool:
            return False

        async def rescue(self) -> int:
            return 0

        async def give_up(self, base: str, numbers: list[int]) -> bool:
            told.append((base, numbers))
            if len(told) == 1:
                raise OSError("away")
            return len(told) > 2

    async def story(bench: Bench) -> None:
        gateway: Any = Runtime()
        gateway.desk, gateway.broker = bench.desk, Redis()
        ticket = bench.ticket()
        await a_moment()
        looking = asyncio.create_task(_for_ever(gateway._look))
        bench.desk.abandon(ticket)
        while bench.desk.given_up():
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * HURRIED_SECONDS)
        looking.cancel()
        assert told == [("b", [ticket.number])] * 3

    at_the_desk(story)


def test_what_waits_for_weights_is_dropped_when_its_client_leaves(
    machine: Machine, held_load: threading.Event, tmp_path: Path
) -> None:
    cold = model_stored("cold", tmp_path, 3)
    machine.send(machine.work(1, cold, TEXTS), machine.work(2, cold, TEXTS))
    machine.send(machine.work(3, VECTOR, TEXTS))
    assert set(machine.answers(1)) == {3}

    machine.give_up(1)
    dropped = machine.answers(1)
    held_load.set()
    answered = machine.answers(1)

    assert (dropped[1].cause, answered[2].error) == ("given_up", "")
    machine.stop()
    assert machine.redis.hlen(taken_key(machine.line.engine)) == 0


def test_rows_behind_others_are_not_run_when_their_client_has_left(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go = threading.Event(), threading.Event()
    embed, ran = machine.loop._resident.embed, []

    def slow(rows: list[TokenRow]) -> list[list[float]]:
        ran.append(len(rows))
        began.set()
        assert go.wait(20)
        return embed(rows)  # type: ignore[no-any-return] # the real one

    monkeypatch.setattr(machine.loop._resident, "embed", slow)
    machine.send(machine.work(1, VECTOR, ["first"]))
    assert began.wait(20)
    machine.send(machine.work(2, VECTOR, ["left"] * 3_000), machine.work(3, VECTOR, ["stays"]))
    machine.send(machine.work(4, VECTOR, ["left before it was taken"] * 200))
    machine.give_up(4)
    go.set()
    machine.answers(1)  # the window of 2 has begun by then, or begins
    machine.give_up(2)
    answers = machine.answers(3)

    assert {number for number, each in answers.items() if each.cause == "given_up"} == {2, 4}
    assert answers[3].error == ""
    assert sum(ran) < 1_500  # a window of it and no more
    machine.stop()
    assert machine.redis.hlen(taken_key(machine.line.engine)) == 0
