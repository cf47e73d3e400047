"""What crosses the border of an export's process. No torch.

The run folder holds `spec.json`, the version's `artifact/` and, for int8, `rows.jsonl`. The child
writes its files under `out/` and says one JSON object a line.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from mlworker.engine.contracts import BaseReference

ARTIFACT: Final = "artifact"
OUT: Final = "out"
ROWS: Final = "rows.jsonl"
SPEC: Final = "spec.json"
MAX_LOSS: Final = 0.005
"""By how much int8 or bf16 may be worse than float32 in the task's first figure: half a point."""


class ExportFormat(StrEnum):
    """The forms a version can take with it."""

    HUGGINGFACE = "huggingface"
    ADAPTER = "adapter"
    ONNX = "onnx"
    ONNX_INT8 = "onnx_int8"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """`spec.json`: which form, of what base, under which name."""

    format: ExportFormat
    name: str
    base: BaseReference
    threads: int = 1
    hub: str = ""
    """The repository that has the base, if one is known."""

    def write(self, run_dir: Path) -> None:
        """Write `spec.json` into the run folder."""
        (run_dir / SPEC).write_text(json.dumps(asdict(self), ensure_ascii=False), "utf-8")

    @classmethod
    def read(cls, run_dir: Path) -> Self:
        """Read what `write` wrote."""
        body = json.loads((run_dir / SPEC).read_text("utf-8"))
        return cls(
            format=ExportFormat(body["format"]),
            name=body["name"],
            base=BaseReference(**body["base"]),
            threads=body["threads"],
            hub=body["hub"],
        )
