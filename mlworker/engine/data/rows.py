"""A run's rows: JSON lines in, tokenized splits out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mlworker.engine.contracts import SPLITS, EngineError, ErrorCode
from mlworker.engine.tasks.base import Row, Target, Task
from mlworker.engine.tokenizer import TextTokenizer

_CHUNK = 512
_HELD_OUT = 10
"""One row in ten is held out for validation when the dataset brings none, but no more than tell
good weights from better ones: each further row would be one to learn from less."""
_ENOUGH_HELD_OUT = 500
_ENOUGH_OF_A_LABEL = 10


@dataclass(frozen=True, slots=True)
class EncodedSplit:
    """Token ids and targets of one split, row by row."""

    ids: tuple[Sequence[int], ...]
    targets: tuple[Target, ...]

    @property
    def tokens(self) -> int:
        """Sum of the rows' lengths."""
        return sum(len(row) for row in self.ids)

    def __len__(self) -> int:
        return len(self.ids)


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON-lines file; EngineError(invalid_data) names the line that is none."""
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise EngineError(
                        ErrorCode.INVALID_DATA, f"{path.name} line {number} is not an object."
                    )
                rows.append(row)
    except (OSError, ValueError) as error:
        raise EngineError(
            ErrorCode.INVALID_DATA, f"{path.name} cannot be read after {len(rows)} rows: {error}"
        ) from error
    return rows


def read_splits(run_dir: Path) -> dict[str, list[Row]]:
    """The three files of a run folder; a missing one counts as empty."""
    paths = {split: run_dir / f"{split}.jsonl" for split in SPLITS}
    return {split: read_rows(path) if path.exists() else [] for split, path in paths.items()}


def hold_out(rows: list[Row], seed: int, labels: int) -> tuple[list[Row], list[Row]]:
    """(train, validation) of a dataset without validation rows; tiny sets validate on train.

    A tenth is held out, but no more than the larger of 500 rows and ten for each of `labels`.
    """
    if len(rows) < 2 * _HELD_OUT:
        return rows, rows
    order = list(range(len(rows)))
    Random(seed).shuffle(order)  # noqa: S311 - a repeatable split, not a secret
    enough = max(_ENOUGH_HELD_OUT, _ENOUGH_OF_A_LABEL * labels)
    cut = min(len(rows) // _HELD_OUT, enough)
    chosen = set(order[:cut])
    train = [row for index, row in enumerate(rows) if index not in chosen]
    return train, [rows[index] for index in sorted(chosen)]


def encode_split(
    task: Task,
    tokenizer: TextTokenizer,
    rows: Sequence[Row],
    labels: Sequence[str],
    max_length: int,
    between: Callable[[], None],
) -> EncodedSplit:
    """Tokenize in pieces; `between` is called after each."""
    ids: list[Sequence[int]] = []
    targets: list[Target] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        encoded = task.encode(tokenizer, chunk, max_length)
        ids.extend(each.ids for each in encoded)
        targets.extend(task.targets(chunk, labels, encoded))
        between()
    return EncodedSplit(tuple(ids), tuple(targets))
