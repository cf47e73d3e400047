"""What a process takes of its machine: cores by thread, and its place behind everything else."""

import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from mlworker.engine.device import take_threads

ROOT = Path(__file__).resolve().parents[3]


def test_a_thread_that_has_computed_nothing_yet_keeps_its_cores_when_another_takes_fewer() -> None:
    """A lease that waits for its first call while the thread that loads weights begins."""
    taken, others, found = threading.Event(), threading.Event(), list[int]()

    def lease() -> None:
        take_threads(2)
        taken.set()
        others.wait(30)
        found.append(torch.get_num_threads())

    def loads() -> None:
        take_threads(1)
        found.append(torch.get_num_threads())

    first, second = threading.Thread(target=lease), threading.Thread(target=loads)
    first.start()
    taken.wait(30)
    second.start()
    second.join()
    others.set()
    first.join()

    assert found == [1, 2]


def run_alone(code: str) -> tuple[int, str]:
    """Run a trainer's code in a session of its own; return its exit status and what it said."""
    begin = "import os\nfrom pathlib import Path\nfrom mlworker.engine.device import step_back\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + dedent(code)],
        cwd=ROOT,
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is promised")
def test_a_system_that_refuses_to_put_a_trainer_behind_others_does_not_end_it() -> None:
    assert run_alone(
        """
        def refuse(*_):
            raise PermissionError
        os.sched_setscheduler = refuse
        step_back()
        """
    ) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is promised")
def test_trainers_that_begin_together_ask_the_kernel_again() -> None:
    """Without rights one of them is heard in a tenth of a second, and the others get EAGAIN."""
    assert run_alone(
        """
        heard = []
        def busy(path, text, **_):
            heard.append((str(path), text))
            if len(heard) < 3:
                raise BlockingIOError
        Path.write_text = busy
        step_back()
        assert heard == [("/proc/self/autogroup", "19")] * 3, heard
        """
    ) == (0, "")
