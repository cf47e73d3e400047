"""The comparator `raw`: the engine's own forward in a bare loop, in a process of its own.

Reads {"texts", "artifact", "mode", "threads"} from stdin and prints figures: mode `batches` runs
sorted batches of 64, mode `single` one row at a time, mode `outputs` gives the probabilities.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def raw_run(texts: list[str], artifact: Path, mode: str, threads: int) -> dict[str, Any]:
    """Measure in another process, which has the machine to itself."""
    order = {"texts": texts, "artifact": str(artifact), "mode": mode, "threads": threads}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.raw"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"raw failed: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure as told on stdin."""
    import torch  # this process alone needs it

    from mlworker.engine.artifact import load_artifact  # noqa: PLC0415 # same
    from mlworker.engine.base.locate import locate_base  # noqa: PLC0415 # same
    from mlworker.engine.bench import raw_forward  # noqa: PLC0415 # same
    from mlworker.engine.inference import Resident, TokenRow  # noqa: PLC0415 # same

    order = json.loads(sys.stdin.read())
    torch.set_num_threads(order["threads"])
    artifact = load_artifact(Path(order["artifact"]))
    resident = Resident.open(locate_base("minilm-l6"), slots=4)
    figures: dict[str, Any]
    if order["mode"] == "batches":
        result = raw_forward.raw_batches(resident, order["texts"], artifact, batch=64)
        figures = {"core_ms": result.core_ms_per_row, "rows_per_second": result.rows_per_second}
    elif order["mode"] == "single":
        figures = {"p50_ms": raw_forward.raw_single(resident, order["texts"], artifact)}
    else:
        resident.load(0, artifact)
        encoded = resident.tokenizer.encode(order["texts"], resident.max_length(0))
        rows = [TokenRow(each.ids, 0) for each in encoded]
        figures = {
            "labels": list(resident.labels(0)),
            "probabilities": [resident.forward([row])[0] for row in rows],
        }
    print(json.dumps(figures))  # noqa: T201 # the result goes to the caller by stdout


if __name__ == "__main__":
    main()
