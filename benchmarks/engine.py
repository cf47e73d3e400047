"""Bars that the engine measures alone, in a process without Django: `int8`, mixed adapters."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure
from benchmarks.raw import ROOT
from benchmarks.shipped import shipped_folder
from benchmarks.texts import DATA, reviews
from mlworker.engine import WAITING

ROWS = 640
SECONDS = 900

_CODE = """
import json, sys
from importlib import import_module
from pathlib import Path
order = json.loads(sys.stdin.read())
paths = {name: Path(path) for name, path in order["paths"].items()}
case = getattr(import_module(f"mlworker.engine.bench.{order['case']}"), order["case"] + "_case")
print(json.dumps(case(**paths, **order["options"])))
"""


def int8() -> Iterator[Figure]:
    """The engine in 8 bits / in float32, where the shipped model's accuracy allows it."""
    for folder in ("mr-sentiment-en", "product-pros-cons-en"):
        if not (DATA / folder).exists():
            raise FileNotFoundError(
                f"needs {DATA / folder}; set ANNEAL_DATA to the folder with the data"
            )
    yield _measured("int8", {"data": str(DATA), "shipped": str(shipped_folder())}, {})


def adapters() -> Iterator[Figure]:
    """64 rows of 64 adapters / the same batch on one merged model."""
    texts, _ = reviews(ROWS)
    yield _measured("adapters", {}, {"texts": texts})


def _measured(case: str, paths: dict[str, str], options: dict[str, Any]) -> Figure:
    order = {"case": case, "paths": paths, "options": options | {"threads": os.cpu_count() or 1}}
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=SECONDS,
        env=os.environ | WAITING,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    figure: Figure = json.loads(done.stdout.strip().splitlines()[-1])
    return figure
