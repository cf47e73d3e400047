"""What a process takes of its machine: cores by thread, and its place behind everything else."""

import subprocess
import sys
import threading
from pathlib import Path

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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is promised")
def test_a_system_that_refuses_to_put_a_trainer_behind_others_does_not_end_it() -> None:
    code = (
        "import os\n"
        "def refuse(*_):\n"
        "    raise PermissionError\n"
        "os.sched_setscheduler = refuse\n"
        "from mlworker.engine.device import step_back\n"
        "step_back()\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
