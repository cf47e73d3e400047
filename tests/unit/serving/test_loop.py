"""The engine's loop on the real base: mixed models, cold models, failures, an end that is clean."""

import threading
import time
from array import array
from pathlib import Path
from typing import Any

import msgspec
import pytest

from anneal.local.processes import wait_until
from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import locate_base
from mlworker.engine.inference import Resident, TokenRow
from mlworker.serving import figures
from mlworker.serving.protocol import (
    Answer,
    Work,
    reply_key,
    taken_key,
    tokens_pack,
    waiting_key,
)
from mlworker.serving.worker import loop
from tests.unit.serving.machine import BASE, BROKEN, TEXTS, VECTOR, Machine, model_stored


def values(answer: Answer) -> list[list[float]]:
    flat = array("f")
    flat.frombytes(answer.values)
    numbers = flat.tolist()
    return [
        numbers[start : start + answer.columns] for start in range(0, len(numbers), answer.columns)
    ]


def test_rows_of_several_works_come_back_as_if_alone(machine: Machine) -> None:
    machine.send(machine.work(1, VECTOR, TEXTS), machine.work(2, VECTOR, TEXTS[::-1]))
    together = machine.answers(2)
    machine.send(machine.work(3, VECTOR, TEXTS[:1]))
    alone = machine.answers(1)

    assert together[1].columns == 384
    for row, mirrored in zip(values(together[1]), values(together[2])[::-1], strict=True):
        assert row == pytest.approx(mirrored, abs=1e-5)
    assert values(alone[3])[0] == pytest.approx(values(together[1])[0], abs=1e-5)
    assert together[1].inference_ms > 0


def test_a_model_that_cannot_be_loaded_fails_alone(machine: Machine) -> None:
    machine.send(machine.work(1, BROKEN, TEXTS), machine.work(2, VECTOR, TEXTS))

    answers = machine.answers(2)

    assert answers[1].error
    assert answers[1].cause == "not_loaded"
    assert not answers[2].error


def test_a_cold_models_call_waits_for_its_weights_and_nobody_elses_does(
    machine: Machine, held_load: threading.Event, tmp_path: Path
) -> None:
    cold = model_stored("cold", tmp_path, 3)
    machine.send(machine.work(1, cold, TEXTS), machine.work(2, cold, TEXTS))
    for number in (3, 4):
        machine.send(machine.work(number, VECTOR, TEXTS))
        assert set(machine.answers(1)) == {number}

    held_load.set()
    answers = machine.answers(2)

    assert set(answers) == {1, 2}
    assert {answer.error for answer in answers.values()} == {""}


def test_a_cold_model_waits_for_no_crowd_of_anothers(
    machine: Machine, held_load: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty cold models of one organization: the load of another's is behind those under way."""
    begun: list[str] = []
    load = machine.adapters._table._loader

    def noted(version: str) -> Any:
        begun.append(version)
        return load(version)

    monkeypatch.setattr(machine.adapters._table, "_loader", noted)
    crowd = [
        machine.work(number, msgspec.structs.replace(BROKEN, version=f"crowd-{number}"), ["no"])
        for number in range(40)
    ]
    calm = machine.work(99, msgspec.structs.replace(BROKEN, version="calm"), ["no"])
    calm.organization = b"c" * 16
    machine.send(*crowd)
    assert wait_until(lambda: bool(begun), seconds=20)
    machine.send(calm)
    assert wait_until(lambda: "calm" in machine.loop._parked, seconds=20)

    held_load.set()

    assert len(machine.answers(41)) == 41
    assert begun.index("calm") <= loop.LOADS + 1
    assert len(begun) == 41


def test_a_shadow_does_not_wait_for_ever_for_a_load_to_begin(
    machine: Machine, held_load: threading.Event, tmp_path: Path
) -> None:
    """While another model's weights are read its own are not begun, and its time runs out."""
    cold, beside = model_stored("cold", tmp_path, 3), model_stored("beside", tmp_path, 4)
    machine.send(machine.work(1, cold, TEXTS))
    soon = time.time() + 0.3
    machine.send(machine.work(2, beside, TEXTS, shadow=True, deadline=soon))
    time.sleep(0.5)
    machine.send(machine.work(3, VECTOR, TEXTS))
    assert set(machine.answers(1)) == {3}

    machine.send(machine.work(4, VECTOR, TEXTS))
    assert set(machine.answers(1)) == {4}
    assert set(machine.loop._parked) == {cold.version}
    held_load.set()
    assert set(machine.answers(1)) == {1}


def test_a_call_that_outwaits_its_deadline_for_weights_is_not_run(
    machine: Machine, held_load: threading.Event, tmp_path: Path
) -> None:
    cold = model_stored("cold", tmp_path, 3)
    machine.send(machine.work(1, cold, TEXTS, deadline=time.time() + 0.3))
    machine.send(machine.work(2, cold, TEXTS))
    time.sleep(0.5)
    held_load.set()

    assert set(machine.answers(1)) == {2}
    machine.stop()
    assert machine.redis.hlen(taken_key(machine.line.engine)) == 0


def test_a_late_work_is_dropped_and_its_envelope_forgotten(machine: Machine) -> None:
    machine.send(machine.work(1, VECTOR, TEXTS, deadline=time.time() - 1))
    machine.send(machine.work(2, VECTOR, TEXTS))

    answers = machine.answers(1)
    machine.stop()

    assert set(answers) == {2}
    assert machine.redis.hlen(taken_key(machine.line.engine)) == 0


def test_a_batch_that_fails_is_refused_and_the_next_one_runs(machine: Machine) -> None:
    lengths, packed = tokens_pack([[2_000_000_000]])  # no such token in any vocabulary
    machine.send(Work(1, b"o" * 16, VECTOR, 9e9, lengths, packed))
    assert machine.answers(1)[1].error

    machine.send(machine.work(2, VECTOR, TEXTS))

    assert not machine.answers(1)[2].error


def test_what_was_taken_before_the_end_is_answered(machine: Machine) -> None:
    machine.send(*(machine.work(number, VECTOR, TEXTS * 10) for number in range(20)))
    end = time.monotonic() + 20
    while machine.redis.llen(waiting_key(machine.queue)):
        assert time.monotonic() < end
        time.sleep(0.005)

    machine.stop()

    assert machine.redis.hlen(taken_key(machine.line.engine)) == 0
    assert len(machine.answers(20)) == 20


def test_full_models_take_turns_in_too_little_memory(resident: Any, tmp_path: Path) -> None:
    """Room for one of two: every call is answered, as the model alone answers it."""
    specs = [model_stored(name, tmp_path, seed) for seed, name in enumerate(("first", "second"))]
    artifacts = [load_artifact(tmp_path / spec.version) for spec in specs]
    size = resident.size(artifacts[0])
    ids = [each.ids for each in resident.tokenizer.encode(TEXTS, 64)]
    expected = []
    for artifact in artifacts:
        alone = Resident.open(locate_base(BASE), slots=1)
        alone.load(0, artifact)
        expected.append(alone.forward([TokenRow(row, 0) for row in ids]))
    machine = Machine(resident, tmp_path, room=int(size * 1.5))
    try:
        for turn in range(6):
            machine.send(
                machine.work(turn * 2, specs[0], TEXTS), machine.work(turn * 2 + 1, specs[1], TEXTS)
            )
        answers = machine.answers(12)
        assert {answer.error for answer in answers.values()} == {""}
        for number, answer in answers.items():
            for row, wanted in zip(values(answer), expected[number % 2], strict=True):
                assert row == pytest.approx(wanted, abs=1e-5)
        assert machine.adapters.table.bytes == size
    finally:
        machine.stop()
        machine.redis.delete(waiting_key(machine.queue), reply_key(machine.gateway))


def test_a_shadow_runs_behind_all_that_wait(machine: Machine) -> None:
    """Sent first, answered last."""
    shadow = machine.work(1, VECTOR, TEXTS, shadow=True)
    machine.send(shadow, *(machine.work(number, VECTOR, TEXTS * 5) for number in range(2, 8)))

    assert list(machine.answers(7))[-1] == 1
    machine.stop()
    assert machine.redis.hlen(taken_key(machine.line.engine)) == 0


def test_a_shadow_pushes_no_model_out_that_is_in_use(resident: Any, tmp_path: Path) -> None:
    """Room for one model: the shadow is refused, and answers once the other has long been idle."""
    main, beside = (
        model_stored(name, tmp_path, seed) for seed, name in enumerate(("in-use", "beside"))
    )
    size = resident.size(load_artifact(tmp_path / main.version))
    machine = Machine(resident, tmp_path, room=int(size * 1.5))
    try:
        machine.send(machine.work(1, main, TEXTS))
        machine.answers(1)
        for number in (2, 3):  # the second is refused without its weights being read
            machine.send(machine.work(number, beside, TEXTS, shadow=True))
            assert machine.answers(1)[number].cause == "no_room"
        assert machine.adapters.table.peek(main.version) is not None
        machine.adapters.table._used[main.version] -= 61
        machine.adapters._full.clear()
        machine.send(machine.work(4, beside, TEXTS, shadow=True))
        assert not machine.answers(1)[4].error
        machine.send(machine.work(5, main, TEXTS), machine.work(6, beside, TEXTS, shadow=True))
        assert not machine.answers(2)[5].error
    finally:
        machine.stop()
        machine.redis.delete(waiting_key(machine.queue), reply_key(machine.gateway))


def test_a_call_that_needs_a_shadows_model_does_not_fail_with_it(
    resident: Any, tmp_path: Path
) -> None:
    first, second = (
        model_stored(name, tmp_path, seed) for seed, name in enumerate(("first", "second"))
    )
    size = resident.size(load_artifact(tmp_path / first.version))
    machine = Machine(resident, tmp_path, room=int(size * 1.5))
    try:
        machine.send(machine.work(1, first, TEXTS))
        machine.answers(1)
        machine.send(machine.work(2, second, TEXTS, shadow=True), machine.work(3, second, TEXTS))
        answers = machine.answers(2)
        assert not answers[3].error
    finally:
        machine.stop()
        machine.redis.delete(waiting_key(machine.queue), reply_key(machine.gateway))


def test_what_an_engine_runs_and_drops_is_counted(machine: Machine, tmp_path: Path) -> None:
    counted = (
        figures.ENGINE_ROWS,
        figures.ENGINE_TOKENS,
        figures.ENGINE_PADDING,
        figures.DROPPED,
        figures.ADAPTERS,
        figures.ADAPTER_FAILURES,
        figures.ADAPTER_LOADS,
        figures.BATCH_ROWS,
    )
    for each in counted:
        each.take()
    cold = model_stored("counted", tmp_path, 3)
    machine.send(machine.work(1, cold, TEXTS), machine.work(2, BROKEN, TEXTS))
    machine.answers(2)
    machine.send(machine.work(3, cold, TEXTS), machine.work(4, VECTOR, TEXTS, shadow=True))
    machine.send(machine.work(5, VECTOR, TEXTS, deadline=time.time() - 1))
    machine.answers(2)
    machine.stop()

    found: dict[str, int] = {}
    for each in counted:
        found |= each.take()

    def told(name: str, *labels: str, part: str = "") -> int:
        return found.get("\x1f".join((f"anneal_{name}", part, BASE, *labels)), 0)

    tokens = sum(len(each.ids) for each in machine.tokenizer.encode(TEXTS, 64))
    assert (told("engine_rows_total", "online"), told("engine_rows_total", "shadow")) == (6, 3)
    assert told("engine_tokens_total") == 3 * tokens
    assert (told("adapter_requests_total", "miss"), told("adapter_requests_total", "hit")) == (2, 1)
    assert told("adapter_failures_total", "not_loaded") == 1
    assert told("adapter_load_seconds", part="sum") > 0
    assert told("engine_dropped_rows_total", "not_loaded") == 3
    assert told("engine_dropped_rows_total", "late") == 3
    assert told("engine_batch_rows", part="sum") == 9_000_000
    assert machine.loop.backlog.oldest() is None
    assert machine.adapters.slots()[BASE, "used"] >= 1


def test_a_small_call_waits_for_one_batch_of_a_flood_and_not_for_its_window(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flood's window is six batches long, and the small call comes during the first."""
    began, go = threading.Event(), threading.Event()
    embed, order = machine.loop._resident.embed, []

    def slow(rows: list[TokenRow]) -> list[list[float]]:
        order.append(len(rows))
        began.set()
        assert go.wait(20)
        return embed(rows)  # type: ignore[no-any-return] # the real one

    monkeypatch.setattr(machine.loop._resident, "embed", slow)
    machine.send(machine.work(1, VECTOR, ["flood"] * 380))
    assert began.wait(20)
    small = machine.work(2, VECTOR, ["small"])
    small.organization = b"s" * 16
    machine.send(small)
    go.set()

    answers = machine.answers(2)

    assert list(answers) == [2, 1]
    assert order[:3] == [64, 1, 64]
    assert sum(order) == 381
