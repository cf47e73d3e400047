"""A9: a trainer that dies of want of memory is known by it, with and without control groups."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlworker.jobs.contracts import Fault
from mlworker.jobs.supervisor import child, memory
from mlworker.jobs.supervisor.child import Trainer
from mlworker.jobs.supervisor.memory import MemoryWatch

MIB = 1024**2
HOG = "import sys; block = b'x' * (300 << 20); print('full', flush=True); sys.stdin.read()"


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    made = Trainer(tmp_path)
    yield made
    made.close()


def _fault(trainer: Trainer) -> Fault:
    while not trainer.ended:
        trainer.next_message(0.1)
    return trainer.fault()


def _killed(trainer: Trainer, number: int = signal.SIGKILL) -> Fault:
    os.kill(trainer.pid, number)
    return _fault(trainer)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose files the test writes."""
    root = tmp_path / "machine"
    (root / "proc" / "self").mkdir(parents=True)
    (root / "cgroup").mkdir()
    monkeypatch.setattr(memory, "_PROC", root / "proc")
    monkeypatch.setattr(memory, "_CGROUPS", root / "cgroup")
    return root


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("name", "group", "before", "after"),
    [
        ("cgroup/own/memory.events", "0::/own\n", "oom 1\noom_kill 1\n", "oom 2\noom_kill 2\n"),
        ("cgroup/memory.events", "0::/elsewhere\n", "oom_kill 0\n", "oom_kill 1\n"),
        (
            "cgroup/memory/own/memory.oom_control",
            "4:cpu,cpuacct:/x\n5:memory:/own\n",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
        ),
        ("proc/vmstat", "", "nr_free_pages 7\noom_kill 2\n", "nr_free_pages 7\noom_kill 3\n"),
    ],
)
def test_a9_the_kernels_count_tells_wherever_it_is(
    name: str, group: str, before: str, after: str, machine: Path
) -> None:
    _write(machine / "proc/self/cgroup", group)
    _write(machine / name, before)
    watch = MemoryWatch()
    assert not watch.killed_for_memory()
    _write(machine / name, after)
    assert watch.killed_for_memory()


def test_a9_without_any_count_what_was_left_tells(machine: Path) -> None:
    _write(machine / "proc/5/statm", "900 800 0 0 0 0 0")
    watch = MemoryWatch()
    for free, expected in ((4_000_000, False), (60_000, True)):
        _write(machine / "proc/meminfo", f"MemTotal: 8000000 kB\nMemAvailable: {free} kB\n")
        watch.look(5)
        assert watch.killed_for_memory() is expected


def test_a9_a_group_that_is_nearly_full_tells_too(machine: Path) -> None:
    _write(machine / "proc/self/cgroup", "0::/own\n")
    _write(machine / "cgroup/own/memory.max", str(100 * MIB))
    watch = MemoryWatch()
    pages = os.sysconf("SC_PAGE_SIZE")
    for held, expected in ((50, False), (95, True)):
        _write(machine / "proc/5/statm", f"1 {held * MIB // pages} 0 0 0 0 0")
        watch.look(5)
        assert watch.resident == held * MIB
        assert watch.killed_for_memory() is expected


def test_a_machine_that_tells_nothing_is_borne(machine: Path) -> None:
    watch = MemoryWatch()
    watch.look(5)
    assert (watch.resident, watch.killed_for_memory()) == (None, False)


def test_a9_a_trainer_above_its_limit_is_ended_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "MEMORY_BYTES", 32 * MIB)
    trainer = Trainer(tmp_path)
    try:
        # Importing torch alone takes more than that.
        while not trainer.look() and not trainer.ended:
            trainer.next_message(0.05)
        fault = _fault(trainer)
    finally:
        trainer.close()
    assert fault.code == "out_of_memory"


def test_a_trainer_killed_on_a_machine_with_memory_has_crashed(trainer: Trainer) -> None:
    trainer.look()
    fault = _killed(trainer)
    assert (fault.code, fault.param) == ("crashed", "SIGKILL")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL])
def test_a12_a_crash_names_its_signal_and_number(trainer: Trainer, number: signal.Signals) -> None:
    fault = _killed(trainer, number)
    assert (fault.code, fault.param) == ("crashed", number.name)
    assert f"(signal {int(number)})" in fault.message


def test_a_real_processes_memory_is_read() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOG], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        watch = MemoryWatch(limit=250 * MIB)
        watch.look(process.pid)
        process.kill()
    assert watch.resident is not None
    assert watch.resident > 300 * MIB
    assert watch.over
