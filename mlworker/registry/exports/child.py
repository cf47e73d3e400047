"""The export's process, seen from the worker: polite, without secrets, and without a network
where the kernel permits that.

Torch and the exporters live and die with it, so the worker stays small and a crash costs an
attempt. One thread at the lowest priority: serving beside it is not to notice.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.surroundings import ROOT, child_environment

logger = logging.getLogger(__name__)

SECONDS: Final = 1_800.0
"""How long an export may take."""
_JAIL: Final = ROOT / "mlworker" / "jobs" / "supervisor" / "jail.py"
PROGRAM: Final = ("-m", "mlworker.engine.exporting.run")
_NICE: Final = 19
_TAIL: Final = 2_000

Progress = Callable[[float, str], None]


def export_run(run_dir: Path, progress: Progress) -> Mapping[str, Any]:
    """Run the export of a prepared folder and return its last word. EngineError when it fails."""
    with (run_dir / "stderr").open("w+b") as complaints:
        child = _start(run_dir, complaints)
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(child)

        def follow() -> None:
            # What it started would hold the pipe open, and we would listen until the timer.
            child.wait()
            _kill(child)

        timer = threading.Timer(SECONDS, stop)
        timer.start()
        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            if child.stdout is None:
                raise AssertionError("A pipe was asked for.")
            done = _listen(child.stdout, progress)
            status = child.wait()
        finally:
            timer.cancel()
            _kill(child)
            follower.join()
        if done is None:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace")[-_TAIL:]
            # For the operator: it names folders and code, which are no business of a customer.
            logger.warning("export.died", extra={"status": status, "stderr": said})
            raise EngineError(ErrorCode.CRASHED, _end_of(status, late=late.is_set()))
    return done


def _start(run_dir: Path, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(  # fixed program, our own arguments
        [
            *(sys.executable, "-I", "-S", str(_JAIL), str(os.getpid())),
            *(sys.executable, *PROGRAM),
            *("--run-dir", str(run_dir)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        cwd=run_dir,
        env=child_environment(run_dir, CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1"),
        start_new_session=True,
    )
    os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
    return child


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started: all of its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _end_of(status: int, *, late: bool) -> str:
    if late:
        return f"The export took longer than {SECONDS / 60:.0f} minutes and was stopped."
    if status < 0:
        name = signal.Signals(-status).name
        memory = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"The export was ended by {name} (signal {-status}){memory}."
    return f"The export ended with status {status}."


def _listen(pipe: IO[bytes], progress: Progress) -> Mapping[str, Any] | None:
    done: Mapping[str, Any] | None = None
    with pipe:
        for line in pipe:
            message = json.loads(line)
            if message["type"] == "progress":
                progress(float(message["share"]), str(message["phase"]))
            elif message["type"] == "error":
                raise EngineError(ErrorCode(message["code"]), str(message["message"]))
            else:
                done = message
    return done
