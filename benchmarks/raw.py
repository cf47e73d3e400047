"""The comparator `raw`: the engine's own forward in a bare loop, in a process of its own.

Reads {"texts", "artifact", "mode", "threads"} from stdin and prints figures: mode `batches` runs
sorted batches of 64, mode `single` one row at a time, mode `outputs` gives the probabilities.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlworker.engine import WAITING

if TYPE_CHECKING:
    from mlworker.engine.inference import Resident, TokenRow

ROOT = Path(__file__).resolve().parents[1]
BATCH = 64


def raw_run(texts: list[str], artifact: Path, mode: str, threads: int) -> dict[str, Any]:
    """Measure in another process, with the engine's own way of waiting at barriers."""
    order = {"texts": texts, "artifact": str(artifact), "mode": mode, "threads": threads}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.raw"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=900,
        env=os.environ | WAITING,
    )
    if done.returncode:
        raise RuntimeError(f"raw failed: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure as told on stdin."""
    import torch  # noqa: PLC0415 # this process alone needs it

    from mlworker.engine.artifact import load_artifact  # noqa: PLC0415 # needs torch
    from mlworker.engine.base.locate import locate_base  # noqa: PLC0415 # same
    from mlworker.engine.device import keep_freed_memory  # noqa: PLC0415 # same
    from mlworker.engine.inference import (  # noqa: PLC0415 # same
        Resident,
        TokenRow,
        serving_precision,
    )

    order = json.loads(sys.stdin.read())
    keep_freed_memory()
    torch.set_num_threads(order["threads"])
    precision = serving_precision(os.environ.get("ANNEAL_SERVE_PRECISION") or "auto")
    resident = Resident.open(locate_base("minilm-l6"), slots=4, precision=precision)
    resident.load(0, load_artifact(Path(order["artifact"])))
    encoded = resident.tokenizer.encode(order["texts"], resident.max_length(0))
    rows = [TokenRow(each.ids, 0) for each in encoded]
    if order["mode"] != "outputs":
        _settle(resident, rows)
    figures: dict[str, Any]
    if order["mode"] == "batches":
        figures = _batches(resident, rows)
    elif order["mode"] == "single":
        figures = {"p50_ms": statistics.median(_single(resident, rows))}
    else:
        figures = {
            "labels": list(resident.labels(0)),
            "probabilities": [resident.forward([row])[0] for row in rows],
        }
    print(json.dumps(figures))  # noqa: T201 # the result goes to the caller by stdout


def _settle(resident: "Resident", rows: "list[TokenRow]") -> None:
    """Answer until the model has its copy with the adapter merged, as a server's would."""
    from mlworker.engine.inference.merged import AFTER_TOKENS  # noqa: PLC0415 # needs torch

    tokens = 0
    while tokens < 2 * AFTER_TOKENS:
        for start in range(0, len(rows), BATCH):
            resident.forward(rows[start : start + BATCH])
        tokens += sum(len(row.ids) for row in rows)
    time.sleep(1.0)


def _batches(resident: "Resident", rows: "list[TokenRow]") -> dict[str, Any]:
    """Forward sorted batches of 64; processor and wall time per row."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    batches = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    for batch in batches[::8]:
        resident.forward(batch)
    clock, cpu = time.perf_counter(), _cpu_seconds()
    for batch in batches:
        resident.forward(batch)
    wall, spent = time.perf_counter() - clock, _cpu_seconds() - cpu
    return {"core_ms": 1000 * spent / len(rows), "rows_per_second": len(rows) / wall}


def _single(resident: "Resident", rows: "list[TokenRow]") -> list[float]:
    """Forward one row at a time; milliseconds of each."""
    for row in rows[:20]:
        resident.forward([row])
    times = []
    for row in rows:
        clock = time.perf_counter()
        resident.forward([row])
        times.append((time.perf_counter() - clock) * 1000)
    return times


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


if __name__ == "__main__":
    main()
