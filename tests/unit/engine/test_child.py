"""The trainer's process: messages, commands, ends. Real processes, real signals."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.checkpoint import verify_checkpoint
from mlworker.engine.contracts import ExitCode, parse_message
from tests.unit.engine.conftest import Start, write_base, write_run

SLOW = {"step_delay_ms": 30}


@pytest.mark.parametrize("tier", ["head", "lora", pytest.param("full", marks=pytest.mark.slow)])
def test_a_run_tells_its_story_and_leaves_an_artifact(
    tier: str, tiny: BaseDirectory, tmp_path: Path, start_command: Start
) -> None:
    write_run(tmp_path, tiny, tier, config={} if tier == "head" else {"epochs": 2})

    child = start_command(tmp_path)

    assert child.wait() == ExitCode.DONE
    kinds = [str(message["type"]) for message in child.messages]
    assert kinds[0] == "phase"
    assert kinds[-1] == "done"
    assert {"plan", "metric", "threads_request"} <= set(kinds)
    assert all(parse_message(json.dumps(message)) for message in child.messages)
    plan = next(message for message in child.messages if message["type"] == "plan")
    done = child.messages[-1]
    assert done["trained_tokens"] == plan["trained_tokens"] == done["trained_tokens_planned"]
    assert plan["trained_tokens"] == plan["tokens_per_pass"] * (1 if tier == "head" else 2)
    assert done["metrics"]["test"]["rows"] == done["metrics"]["validation"]["rows"] == 24
    assert load_artifact(tmp_path / "artifact").manifest.metrics == done["metrics"]


def test_what_nobody_foresaw_is_named_and_its_words_are_for_the_operator(
    tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    write_run(tmp_path, tiny, "lora", test_hooks={"step_delay_ms": str(tmp_path)})
    child = start(tmp_path)
    assert child.wait() == ExitCode.FAILED
    said = child.messages[-1]
    assert (said["type"], said["code"]) == ("error", "crashed")
    assert said["message"] == "The trainer met an unexpected error (TypeError)."
    assert "unsupported operand" in child.process.stderr.read()


def test_stop_writes_a_checkpoint_from_which_another_child_goes_on(
    tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    spec = {"epochs": 3}
    write_run(tmp_path, tiny, "lora", config=spec, test_hooks=SLOW)
    first = start(tmp_path)
    first.until("metric")
    first.say(type="stop", mode="checkpoint")
    assert first.wait() == ExitCode.STOPPED
    stopped = first.messages[-1]
    assert stopped["type"] == "stopped"
    assert verify_checkpoint(tmp_path / stopped["checkpoint"]).step == stopped["step"] > 0

    write_run(tmp_path, tiny, "lora", config=spec, resume=stopped["checkpoint"])
    second = start(tmp_path)

    assert second.wait() == ExitCode.DONE
    steps = [message["step"] for message in second.messages if message["type"] == "metric"]
    assert min(steps) > stopped["step"]
    assert second.messages[-1]["trained_tokens"] == second.messages[-1]["trained_tokens_planned"]


def test_cancel_ends_at_once_and_keeps_nothing(
    tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    write_run(tmp_path, tiny, "lora", config={"epochs": 50}, test_hooks=SLOW)
    child = start(tmp_path)
    child.until("metric")

    child.say(type="stop", mode="cancel")

    assert child.wait() == ExitCode.CANCELLED
    assert child.messages[-1]["checkpoint"] is None
    assert not (tmp_path / "checkpoints").exists()


def test_cancel_may_keep_the_work_so_far(tiny: BaseDirectory, tmp_path: Path, start: Start) -> None:
    write_run(tmp_path, tiny, "lora", config={"epochs": 50}, test_hooks=SLOW)
    child = start(tmp_path)
    child.until("metric")

    child.say(type="stop", mode="cancel", keep=True)

    assert child.wait() == ExitCode.CANCELLED
    verify_checkpoint(tmp_path / child.messages[-1]["checkpoint"])


def test_a_stop_during_the_start_is_obeyed(
    tiny: BaseDirectory, tmp_path: Path, start_command: Start
) -> None:
    write_run(tmp_path, tiny, "head")
    child = start_command(tmp_path)
    child.say(type="stop", mode="checkpoint")
    assert child.wait() == ExitCode.STOPPED
    assert child.messages[-1] == {
        "type": "stopped",
        "mode": "checkpoint",
        "checkpoint": None,
        "step": 0,
        "trained_tokens": 0,
    }


def test_a_closed_pipe_ends_the_child(tiny: BaseDirectory, tmp_path: Path, start: Start) -> None:
    write_run(tmp_path, tiny, "lora", config={"epochs": 50}, test_hooks=SLOW)
    child = start(tmp_path)
    child.until("metric")

    child.process.stdin.close()

    assert child.process.wait(timeout=30) == ExitCode.ORPHANED


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux")
def test_a_killed_supervisor_takes_the_child_along(tiny: BaseDirectory, tmp_path: Path) -> None:
    write_run(tmp_path, tiny, "lora", config={"epochs": 50}, test_hooks=SLOW)
    code = f"""
        import subprocess, sys, time
        child = subprocess.Popen(
            [sys.executable, "-m", "mlworker.engine.trainer", "--run-dir", {str(tmp_path)!r}],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
        time.sleep(60)
    """
    root = Path(__file__).resolve().parents[3]
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, cwd=root
    )
    pid = int(supervisor.stdout.readline())

    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()

    assert _comes(lambda: _gone(pid))


def _gone(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().split()[2] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _comes(true: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait until something is true; False when it has not come."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_a4_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    write_run(
        tmp_path,
        tiny,
        "lora",
        config={"epochs": 100, "patience": 0},
        checkpoint_seconds=0.2,
        test_hooks={"checkpoint_delay_ms": 400, "step_delay_ms": 10},
    )
    child = start(tmp_path)
    saved = child.until("checkpoint")
    folder = tmp_path / "checkpoints"
    until = time.monotonic() + 20
    while not list(folder.glob(".tmp-*")) and time.monotonic() < until:
        time.sleep(0.005)

    child.process.send_signal(signal.SIGKILL)

    assert child.wait() == -signal.SIGKILL
    assert list(folder.glob(".tmp-*"))
    assert verify_checkpoint(tmp_path / saved["path"]).step == saved["step"]


def test_threads_and_politeness_change_while_it_runs(
    tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    write_run(tmp_path, tiny, "lora", config={"epochs": 1}, test_hooks={"step_delay_ms": 10})
    child = start(tmp_path)
    child.until("threads_request")

    child.say(type="threads", n=1, polite=True)
    child.say(type="something newer", than="this")
    child.until("metric")
    child.say(type="threads", n=2)

    assert child.wait() == ExitCode.DONE


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is promised")
def test_a_trainer_in_the_background_leaves_the_cores_to_others(
    tiny: BaseDirectory, tmp_path: Path, start_command: Start
) -> None:
    write_run(
        tmp_path,
        tiny,
        "lora",
        config={"epochs": 9},
        test_hooks={"step_delay_ms": 100},
        background=True,
    )
    pid = start_command(tmp_path).process.pid

    # Among busy processes it starts slowly, being polite: nothing of it but this is waited for.
    assert _comes(lambda: os.sched_getscheduler(pid) == os.SCHED_IDLE)
    group = Path(f"/proc/{pid}/autogroup")
    assert not group.exists() or _comes(lambda: group.read_text().split()[-1] == "19")


def test_prints_do_not_corrupt_the_messages(tiny: BaseDirectory, tmp_path: Path) -> None:
    write_run(tmp_path, tiny, "head")
    code = (
        "import os, sys, mlworker.engine.trainer as t\n"
        "send = t.PipeLink.send\n"
        "def loud(self, m): print('noise'); os.write(1, b'more noise'); send(self, m)\n"
        "t.PipeLink.send = loud\n"
        f"sys.exit(t.main(['--run-dir', {str(tmp_path)!r}]))"
    )
    root = Path(__file__).resolve().parents[3]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        lines = process.stdout.readlines()
        noise = process.stderr.read()
    assert process.returncode == ExitCode.DONE
    assert all(parse_message(line) for line in lines)
    assert b"noise" in noise


def test_a_folder_without_specification_fails_with_a_code(
    tmp_path: Path, start_command: Start
) -> None:
    child = start_command(tmp_path)
    assert child.wait() == ExitCode.FAILED
    assert child.messages[-1]["code"] == "invalid_config"


def test_a_run_that_diverges_says_so_and_leaves_nothing(
    minilm: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    base_folder = tmp_path / "base"
    base_folder.mkdir()
    broken = write_base(base_folder, minilm, scale=1e38)
    write_run(tmp_path / "run", broken, "lora")

    child = start(tmp_path / "run")

    assert child.wait() == ExitCode.FAILED
    assert child.messages[-1]["type"] == "error"
    assert child.messages[-1]["code"] == "diverged"
    assert not (tmp_path / "run" / "artifact").exists()
