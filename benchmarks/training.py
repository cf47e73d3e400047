"""Bars `train_speed`, `train_quality` and `search_cost`, measured by the engine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.texts import DATA, MR

ROOT = Path(__file__).resolve().parents[1]

_CODE = """
import json, sys
from importlib import import_module
from pathlib import Path
case = getattr(import_module(f"mlworker.engine.bench.{sys.argv[4]}"), f"{sys.argv[4]}_case")
print(json.dumps(case(Path(sys.argv[1]), threads=int(sys.argv[2]), full=sys.argv[3] == "1")))
"""


def train_speed(*, full: bool = False) -> Iterator[Figure]:
    """The naive recipe's time / ours to the same test accuracy."""
    yield _measured("train_speed", MR, full=full)


def train_quality(*, full: bool = False) -> Iterator[Figure]:
    """The test accuracy of two whole data sets with defaults."""
    for data in (MR, DATA / "banking77-en"):
        yield _measured("train_quality", data, full=full)


def search_cost(*, full: bool = False) -> Iterator[Figure]:
    """5-fold cross-validation of 10 trials / 50 naive fine-tunes."""
    yield _measured("search_cost", MR, full=full)


def _measured(bar: str, data: Path, *, full: bool) -> Figure:
    """Run the engine's own comparison in a process without Django."""
    if not data.exists():
        raise FileNotFoundError(f"needs {data}; set ANNEAL_DATA to the folder with the data")
    threads = str(os.cpu_count() or 1)
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(data), threads, "1" if full else "0", bar],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    return Figure(
        bar=measured["bar"],
        value=measured["value"],
        target=measured["target"],
        ok=measured["ok"],
        detail=measured["detail"],
    )
