"""The export's process, seen from the worker: polite, without secrets, without a network.

Torch and the exporters live and die with it, so the worker stays small and a crash costs an
attempt. One thread at the lowest priority: serving beside it is not to notice.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import mlworker
from mlworker.engine.contracts import EngineError, ErrorCode

SECONDS: Final = 1_800.0
"""How long an export may take."""
_ROOT: Final = Path(mlworker.__file__).resolve().parents[1]
_JAIL: Final = _ROOT / "mlworker" / "jobs" / "supervisor" / "jail.py"
_NICE: Final = 19
_TAIL: Final = 2_000

Progress = Callable[[float, str], None]


def export_run(run_dir: Path, progress: Progress) -> Mapping[str, Any]:
    """Run the export of a prepared folder and return its last word. EngineError when it fails."""
    with (run_dir / "stderr").open("w+b") as complaints:
        child = subprocess.Popen(  # fixed program, our own arguments
            [
                *(sys.executable, "-I", "-S", str(_JAIL), str(os.getpid())),
                *(sys.executable, "-m", "mlworker.engine.exporting.run"),
                *("--run-dir", str(run_dir)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=run_dir,
            env=_environment(run_dir),
            start_new_session=True,
        )
        os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
        timer = threading.Timer(SECONDS, child.kill)
        timer.start()
        try:
            if child.stdout is None:
                raise AssertionError("A pipe was asked for.")
            done = _listen(child.stdout, progress)
            status = child.wait()
        finally:
            timer.cancel()
            child.kill()
            child.wait()
        if done is None:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace")[-_TAIL:]
            raise EngineError(
                ErrorCode.CRASHED, f"The export ended with status {status}. {said}".strip()
            )
    return done


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


def _environment(run_dir: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "LANG": "C.UTF-8",
        "HOME": str(run_dir),
        "TMPDIR": str(run_dir),
        "PYTHONPATH": str(_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        **{name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
    }
