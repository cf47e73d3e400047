"""Exports of tiny models with random weights, and what we and stock libraries say with them."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mlworker.engine.artifact import Artifact, save_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import BaseReference, EngineError
from mlworker.engine.exporting.contracts import ARTIFACT, ROWS, ExportFormat, ExportSpec
from mlworker.engine.exporting.run import Export
from mlworker.engine.inference import Resident, TokenRow
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact

STOCK = Path(__file__).with_name("stock.py")
TEXTS = [row["text"] for row in sentences(7)] + ["", "你好 — émigré", "word " * 200]
TASKS: dict[str, tuple[str, ...]] = {
    "text_classification": ("a", "b", "c"),
    "multi_label_classification": ("a", "b", "c"),
    "regression": ("value",),
    "token_classification": ("O", "B-x", "I-x", "B-y", "I-y"),
}
Rows = Sequence[dict[str, Any]]


def artifact_of(base: BaseDirectory, task: str, tier: str) -> Artifact:
    return make_artifact(base, tier, task=task, labels=TASKS[task])


def prepare(
    artifact: Artifact,
    base: BaseDirectory,
    form: ExportFormat,
    folder: Path,
    rows: Rows | None = None,
) -> None:
    """A run folder as a worker prepares it."""
    folder.mkdir(parents=True)
    save_artifact(folder / ARTIFACT, artifact.manifest, artifact.tensors)
    reference = BaseReference(base.id, str(base.directory), base.weights_sha256)
    ExportSpec(format=form, name="ft:tiny", base=reference).write(folder)
    if rows is not None:
        (folder / ROWS).write_text("".join(json.dumps(row) + "\n" for row in rows))


def export(
    artifact: Artifact,
    base: BaseDirectory,
    form: ExportFormat,
    folder: Path,
    rows: Rows | None = None,
) -> dict[str, Any]:
    """Make an export in this process, which has loaded the exporters; return its last word."""
    prepare(artifact, base, form, folder, rows)
    told = io.StringIO()
    try:
        Export(folder, told).run()
    except EngineError as error:
        return {"type": "error", "code": str(error.code), "message": error.message}
    last: dict[str, Any] = json.loads(told.getvalue().splitlines()[-1])
    return last


def ours(
    base: BaseDirectory, artifact: Artifact, texts: Sequence[str] = TEXTS
) -> list[list[float]]:
    """What serving answers: the task's numbers of each text."""
    resident = Resident.open(base, slots=1)
    resident.load(0, artifact)
    encoded = resident.tokenizer.encode(texts, artifact.manifest.max_length)
    return [list(row) for row in resident.forward([TokenRow(item.ids, 0) for item in encoded])]


class Stock:
    """Stock libraries, loaded once in a process of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-W", "ignore", str(STOCK)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )

    def logits(
        self, folder: Path, *, base: BaseDirectory | None = None, outputs: int = 0
    ) -> list[torch.Tensor]:
        """Logits of TEXTS, one tensor each."""
        asked = {
            "folder": str(folder),
            "base": str(base.directory) if base else None,
            "outputs": outputs,
            "texts": TEXTS,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "it ended: see its standard error"
        return [torch.tensor(one) for one in json.loads(line)]

    def close(self) -> None:
        self._process.communicate()
