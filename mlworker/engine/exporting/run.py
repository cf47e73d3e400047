"""The export's process: `python -m mlworker.engine.exporting.run --run-dir DIR`.

Lines on standard output: `{"type": "progress", "share", "phase"}`, then one `{"type": "done",
"quality"}` or `{"type": "error", "code", "message"}`.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO

import torch

from mlworker.engine.artifact import Artifact, check_shapes, load_artifact
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import BaseDirectory, base_at, verify_base
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.export import export_adapter, export_merged
from mlworker.engine.exporting.contracts import (
    ARTIFACT,
    MAX_LOSS,
    OUT,
    ROWS,
    ExportFormat,
    ExportSpec,
)
from mlworker.engine.exporting.gate import Gate, gate_run
from mlworker.engine.exporting.onnx import MODEL, onnx_quantize, onnx_write
from mlworker.engine.tokenizer import TextTokenizer

_CONTEXT = Path(__file__).parent / "context"
_CONTEXT_FILES = ("Dockerfile", "requirements.txt", "server.py")
_WEIGHTS = "model.safetensors"


class Export:
    """One export, from artifact to files."""

    def __init__(self, run_dir: Path, tell: IO[str]) -> None:
        self._dir = run_dir
        self._spec = ExportSpec.read(run_dir)
        self._tell = tell
        self.phase = "loading"

    def run(self) -> None:
        """Make the files and say how good they are; EngineError says why they cannot be made."""
        torch.set_num_threads(self._spec.threads)
        self._progress(0.05, "loading")
        artifact = load_artifact(self._dir / ARTIFACT)
        reference = self._spec.base
        base = base_at(reference.id, Path(reference.directory), reference.weights_sha256)
        verify_base(base)
        if artifact.manifest.base_sha256 != base.weights_sha256:
            raise EngineError(
                ErrorCode.ARTIFACT_CORRUPT, f"The model was trained on another base than {base.id}."
            )
        check_shapes(artifact, BertConfig.read(base.directory / "config.json"))
        self._progress(0.2, "converting")
        gate = self._make(artifact, base, self._dir / OUT)
        self._say({"type": "done", "quality": None if gate is None else asdict(gate)})

    def _make(self, artifact: Artifact, base: BaseDirectory, out: Path) -> Gate | None:
        form = self._spec.format
        if form is ExportFormat.ADAPTER:
            try:
                export_adapter(artifact, base, out, self._spec.hub)
            except ValueError as error:
                raise EngineError(ErrorCode.INVALID_CONFIG, str(error)) from error
            return None
        if form is ExportFormat.CONTAINER:
            out.mkdir()
            for name in _CONTEXT_FILES:
                shutil.copyfile(_CONTEXT / name, out / name)
            self._onnx(export_merged(artifact, base, out / "model"))
            return None
        export_merged(artifact, base, out)
        if form is ExportFormat.HUGGINGFACE:
            return None
        self._onnx(out)
        return self._int8(artifact, out) if form is ExportFormat.ONNX_INT8 else None

    def _onnx(self, folder: Path) -> None:
        self._progress(0.4, "tracing")
        onnx_write(folder, folder / MODEL)
        (folder / _WEIGHTS).unlink()

    def _int8(self, artifact: Artifact, out: Path) -> Gate:
        """Put the int8 file in the place of the other; EngineError when it answers too badly."""
        full = self._dir / MODEL
        (out / MODEL).rename(full)
        self._progress(0.7, "quantizing")
        onnx_quantize(full, out / MODEL)
        self._progress(0.8, "measuring")
        tokenizer = TextTokenizer.load(out)
        gate = gate_run(full, out / MODEL, tokenizer, self._dir / ROWS, artifact.manifest)
        if not gate.passed:
            raise EngineError(
                ErrorCode.INT8_INACCURATE,
                f"In 8 bits this model answers {gate.rows} {gate.split} rows worse: {gate.metric} "
                f"is {gate.score_int8:.3f} instead of {gate.score:.3f}, and may be {MAX_LOSS} "
                "lower at most. Export it as onnx instead.",
            )
        return gate

    def _progress(self, share: float, phase: str) -> None:
        self.phase = phase
        self._say({"type": "progress", "share": share, "phase": phase})

    def _say(self, message: Mapping[str, object]) -> None:
        self._tell.write(json.dumps(message) + "\n")
        self._tell.flush()


def main() -> int:
    """Run the export of a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run-dir", type=Path, required=True)
    run_dir = parser.parse_args().run_dir
    # The exporters print; the pipe is for our own lines alone.
    tell = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    fault = _fault(run_dir, tell)
    if fault is None:
        return 0
    body = {"type": "error", "code": str(fault.code), "message": fault.message}
    tell.write(json.dumps(body) + "\n")
    tell.flush()
    return 5


def _fault(run_dir: Path, tell: IO[str]) -> EngineError | None:
    """Run the export and return how it failed, in words for whoever asked for it."""
    phase = "reading what to make"
    try:
        export = Export(run_dir, tell)
        try:
            export.run()
        finally:
            phase = export.phase
    except EngineError as error:
        return error
    except MemoryError:
        return EngineError(ErrorCode.OUT_OF_MEMORY, f"Memory ran out while {phase}.")
    except Exception as error:  # noqa: BLE001 # whatever it is, whoever waits hears of it
        # The operator reads the rest in the worker's log: it names folders and code.
        traceback.print_exc()
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        reason = "the disk is full" if full else type(error).__name__
        return EngineError(ErrorCode.CRASHED, f"The export failed while {phase}: {reason}.")
    return None


if __name__ == "__main__":
    sys.exit(main())
