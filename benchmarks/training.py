"""Bar `train_speed`: the naive recipe's time / ours to the same test accuracy."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.texts import MR

ROOT = Path(__file__).resolve().parents[1]

_CODE = """
import json, sys
from pathlib import Path
from mlworker.engine.bench.train_speed import train_speed_case
figures = train_speed_case(Path(sys.argv[1]), threads=int(sys.argv[2]), full=sys.argv[3] == "1")
print(json.dumps(figures))
"""


def train_speed(*, full: bool = False) -> Iterator[Figure]:
    """Run the engine's own comparison in a process without Django."""
    if not MR.exists():
        raise FileNotFoundError(f"needs {MR}; set ANNEAL_DATA to the folder with the data")
    threads = str(os.cpu_count() or 1)
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(MR), threads, "1" if full else "0"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    yield Figure(
        bar="train_speed",
        value=measured["value"],
        target=measured["target"],
        ok=measured["ok"],
        detail=measured["detail"],
    )
