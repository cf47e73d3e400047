"""Windows of a loop: what is let in between two batches, and works that start over."""

import inspect
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlworker.serving.protocol import Envelope, envelope_encode, reply_key, spare_key, waiting_key
from mlworker.serving.worker.backlog import Pending, Row
from tests.unit.serving.test_spare import BROKEN, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.stop()
    keys = (spare_key(made.queue), waiting_key(made.queue), reply_key(made.sender))
    made.redis.delete(*keys)


def call(machine: Machine, number: int) -> None:
    """Five long texts of an organization of its own: two batches."""
    work = machine.work(number, [[number] * 500] * 5)
    work.organization = number.to_bytes(16)
    raw = envelope_encode(Envelope(machine.sender, time.time(), [work]))
    machine.redis.lpush(waiting_key(machine.queue), raw)


def test_a_window_that_was_let_in_lets_no_other_in(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new organization comes with each batch: the stack does not grow with them."""
    embed, depths, calls = machine.base.embed, [], 12

    def beside_another(rows: Any) -> list[list[float]]:
        depths.append(sum(each.function == "_run_window" for each in inspect.stack(context=0)))
        if len(depths) <= calls:
            call(machine, 1 + len(depths))
        return embed(rows)

    monkeypatch.setattr(machine.base, "embed", beside_another)
    call(machine, 1)
    machine.thread.start()

    answers = machine.answers(1 + calls)

    assert {each.number for each in answers if not each.error} == set(range(1, 2 + calls))
    assert max(depths) == 2


def test_a_work_that_was_evicted_starts_over_once(machine: Machine) -> None:
    pending = Pending(machine.work(1, [[1], [2]], BROKEN), "gateway", 0, 0.0)

    machine.loop._evicted([Row(pending, 0, [1])])
    machine.loop._evicted([Row(pending, 1, [2])])

    assert len(machine.loop._parked[BROKEN.version]) == 1
