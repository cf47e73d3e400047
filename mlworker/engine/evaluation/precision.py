"""The gate that bf16 has to pass: the engine itself answers test rows of the very model in both.

Rows of one model never run on a merged copy here: when a copy is ready is chance, and a training
that is made again shall find the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mlworker.engine.artifact import Artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.locate import BaseDirectory, base_at
from mlworker.engine.contracts import LogMessage
from mlworker.engine.data.batches import plan_batches
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.device import bf16_native
from mlworker.engine.exporting.gate import agreement
from mlworker.engine.inference.lanes import Precision
from mlworker.engine.inference.resident import Resident, TokenRow
from mlworker.engine.precision import Bf16Gate
from mlworker.engine.tasks import task_named
from mlworker.engine.training.pace import SparePace
from mlworker.engine.training.setup import Setup

MAX_ROWS = 1_000
_BATCH_TOKENS = 512
"""Few, so that a stop is heard soon; always as many, so that the same rows share a batch."""


def gate_run(setup: Setup, artifact: Artifact) -> Bf16Gate | None:
    """Measure a finished model on its test rows, else on those of the validation.

    None where the device has no bf16 to measure, and with a line in the log where it fails: the
    model is then served in float32.
    """
    if not bf16_native(setup.device):
        return None
    name, split = ("validation", setup.validation) if setup.test is None else ("test", setup.test)
    spec = setup.spec.base
    base = base_at(spec.id, Path(spec.directory), spec.weights_sha256)
    try:
        look = SparePace(setup.link).look
        return gate_measure(artifact, base, split, name, look, str(setup.device))
    except Exception as error:  # noqa: BLE001 - the model is whole, and float32 serves it
        reason = f"{type(error).__name__}: {str(error)[:300]}"
        told = f"bf16 was not measured: {reason}"
        setup.link.send(LogMessage("warning", told, "trainer.bf16_unmeasured"))
        return None


def gate_measure(
    artifact: Artifact,
    base: BaseDirectory,
    split: EncodedSplit,
    name: str,
    between: Callable[[], None] = lambda: None,
    device: str = "cpu",
    most: int = MAX_ROWS,
) -> Bf16Gate:
    """Answer up to `most` rows, taken evenly, in float32 and in bf16, and compare."""
    count = min(most, len(split))
    places = [place * len(split) // count for place in range(count)]
    ids, targets = [split.ids[at] for at in places], [split.targets[at] for at in places]
    task, labels = task_named(artifact.manifest.task), artifact.manifest.labels
    bert = Bert.load(base, device=device)

    def answer(precision: Precision) -> list[Tensor]:
        resident = Resident(base, bert, slots=1, precision=precision, merging=False)
        resident.load(0, artifact)
        return _logits(resident, ids, between)

    exact, half = answer("float32"), answer("bfloat16")
    figures = [task.evaluate(torch.cat(each), targets, labels) for each in (exact, half)]
    float32, bfloat16 = (float(each[task.primary_metric]) for each in figures)  # type: ignore[arg-type]  # a number, says the task
    same = agreement(task, exact, half)
    return Bf16Gate(
        rows=len(ids),
        split=name,
        metric=task.primary_metric,
        float32=float32,
        bfloat16=bfloat16,
        changed=None if same is None else 1 - same,
    )


def _logits(
    resident: Resident, ids: Sequence[Sequence[int]], between: Callable[[], None]
) -> list[Tensor]:
    found = [torch.empty(0)] * len(ids)
    for batch in plan_batches([len(row) for row in ids], token_budget=_BATCH_TOKENS):
        rows = [TokenRow(ids[place], 0) for place in batch]
        for place, logits in zip(batch, resident.logits(rows), strict=True):
            found[place] = logits
        between()
    return found
