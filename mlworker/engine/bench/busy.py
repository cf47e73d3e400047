"""How busy the accelerator is while something runs."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator

import torch

from mlworker.engine.device import pick_device

_EVERY_MS = 200
_QUERY = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")


class Busy:
    """Filled when the block is left."""

    share: float | None = None
    """Of the time, that at least one kernel ran, as the driver tells it; None without a GPU."""


@contextlib.contextmanager
def gpu_busy() -> Iterator[Busy]:
    """Ask the driver five times a second until the block is left."""
    found = Busy()
    if pick_device().type != "cuda":
        yield found
        return
    with tempfile.TemporaryFile("w+") as told:
        watch = subprocess.Popen(
            ["nvidia-smi", *_QUERY, f"--loop-ms={_EVERY_MS}", "--id=0"], stdout=told
        )
        try:
            yield found
            torch.cuda.synchronize()
        finally:
            watch.terminate()
            watch.wait()
        told.seek(0)
        shares = [int(line) / 100 for line in told.read().splitlines() if line.strip().isdigit()]
    found.share = sum(shares) / len(shares) if shares else None
