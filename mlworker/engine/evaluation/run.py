"""The last act of a run: report and predictions in a folder beside the artifact."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.locate import base_at
from mlworker.engine.contracts import Json, LogMessage, PhaseMessage
from mlworker.engine.data.rows import EncodedSplit, hold_out, read_splits
from mlworker.engine.durable import publish_folder
from mlworker.engine.evaluation.column_slices import column_slices
from mlworker.engine.evaluation.names import FOLDER, PREDICTIONS, REPORT
from mlworker.engine.evaluation.predictions import predictions_write
from mlworker.engine.evaluation.report import FORMAT
from mlworker.engine.evaluation.speed import measure_speed
from mlworker.engine.evaluation.subject import Subject
from mlworker.engine.inference.lanes import serving_precision
from mlworker.engine.inference.resident import Resident
from mlworker.engine.tasks.base import META, Row
from mlworker.engine.training.pace import SparePace
from mlworker.engine.training.setup import Setup, Trained


def evaluate_run(setup: Setup, trained: Trained, artifact: Path) -> str | None:
    """Write the report; its folder's name in the run folder, or None with a line in the log.

    A finished model is worth more than its report, so nothing that goes wrong here ends the run.
    """
    setup.link.send(PhaseMessage("evaluating"))
    # Work of seconds cannot be resumed: a run that is stopped often must still get through it.
    setup = replace(setup, pace=SparePace(setup.link))
    try:
        _evaluate(setup, trained, artifact)
    except Exception as error:  # noqa: BLE001 - the model is whole; the log says what is missing
        reason = f"{type(error).__name__}: {str(error)[:300]}"
        told = f"The evaluation report was not made: {reason}"
        setup.link.send(LogMessage("warning", told, "trainer.report_missing"))
        return None
    return FOLDER


def _evaluate(setup: Setup, trained: Trained, artifact: Path) -> None:
    begun = time.monotonic()
    name, split, logits = "test", setup.test, trained.test_logits
    if split is None or logits is None:
        name, split, logits = "validation", setup.validation, trained.validation_logits
    rows, train = split_rows(setup, name)
    bert = _frozen_bert(setup)
    speed = _speed(setup, bert, artifact, split)
    subject = Subject(
        setup=setup,
        trained=trained,
        name=name,
        split=split,
        logits=logits,
        rows=rows,
        row_ids=row_numbers(rows),
        train=train,
        bert=bert,
    )
    findings = setup.task.report(subject)
    sliced = column_slices(
        [cast("Mapping[str, object]", row.get(META) or {}) for row in rows],
        subject.row_ids,
        findings.scored,
        seed=subject.seed,
        between=subject.look,
    )
    report: dict[str, Json] = {
        "format": FORMAT,
        "task": setup.task.name,
        "split": name,
        "chosen_on": name != "test",
        "rows": len(rows),
        "labels": list(setup.labels),
        **findings.parts,
        **({} if sliced is None else {"column_slices": sliced}),
        "speed": speed,
        "seconds": round(time.monotonic() - begun, 2),
    }
    with publish_folder(setup.run_dir / FOLDER, {"format": FORMAT}) as folder:
        (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")
        predictions_write(findings.answers, folder / PREDICTIONS)


def split_rows(setup: Setup, name: str) -> tuple[list[Row], list[Row]]:
    """(rows of the split, training rows), as the run has cut them; read again, not kept."""
    splits = read_splits(setup.run_dir)
    if not splits["validation"]:
        splits["train"], splits["validation"] = hold_out(
            splits["train"], setup.config.seed, len(setup.labels)
        )
    return splits[name], splits["train"]


def row_numbers(rows: Sequence[Row]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows' numbers in their version; their places where a caller has given none."""
    try:
        numbers = [int(str(row["row_id"])) for row in rows]
    except (KeyError, ValueError):
        numbers = list(range(len(rows)))
    return np.array(numbers, dtype=np.int64)


def _frozen_bert(setup: Setup) -> Bert:
    """The base as it came, in the number format that serves; read again if the run changed it."""
    frozen = setup.config.tier in ("head", "lora")
    if frozen and setup.bert.dtype == torch.float32:
        return setup.bert
    spec = setup.spec.base
    base = base_at(spec.id, Path(spec.directory), spec.weights_sha256)
    return Bert.load(base, dtype=torch.float32, device=str(setup.device))


def _speed(setup: Setup, bert: Bert, artifact: Path, split: EncodedSplit) -> Json:
    spec = setup.spec.base
    base = base_at(spec.id, Path(spec.directory), spec.weights_sha256)
    resident = Resident(base, bert, slots=1, precision=serving_precision("auto"))
    resident.load(0, load_artifact(artifact))
    return measure_speed(resident, split.ids, setup.pace.look)
