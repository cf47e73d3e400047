"""What an engine counts of its batches, and tells of what waits."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlworker.serving import figures
from mlworker.serving.worker.backlog import NO_ENTRY, Row

if TYPE_CHECKING:
    from mlworker.serving.worker.adapters import Adapters
    from mlworker.serving.worker.backlog import Backlog


def batch_count(base: str, rows: Sequence[Row], seconds: float, most_tokens: int) -> None:
    """Count a batch that was run."""
    from mlworker.engine.data.packing import padding_of  # noqa: PLC0415 # imports torch
    from mlworker.engine.device import pick_device  # noqa: PLC0415 # same

    lengths = [len(row.ids) for row in rows]
    tokens = sum(lengths)
    for work, count in Counter(_work(row) for row in rows).items():
        figures.ENGINE_ROWS.add(count, base, work)
    figures.ENGINE_TOKENS.add(tokens, base)
    figures.ENGINE_PADDING.add(padding_of(lengths, pick_device()), base)
    figures.ENGINE_BUSY.add(seconds, base)
    figures.BATCH_ROWS.observe(len(rows), base)
    figures.BATCH_FILL.observe(tokens / most_tokens, base)


def _work(row: Row) -> str:
    if row.pending.entry == NO_ENTRY:
        return "batch"
    return "shadow" if row.pending.work.shadow else "online"


@contextmanager
def backlog_told(base: str, backlog: "Backlog", adapters: "Adapters") -> Iterator[None]:
    """Tell what waits and which slots are in use, until the block ends."""

    def rows() -> dict[tuple[str, ...], float]:
        return {(base,): len(backlog)}

    def age() -> dict[tuple[str, ...], float]:
        oldest = backlog.oldest()
        return {(base,): 0.0 if oldest is None else max(0.0, time.time() - oldest)}

    told = ((figures.BACKLOG, rows), (figures.BACKLOG_AGE, age))
    for gauge, reader in told:
        gauge.read_by(reader)
    figures.ADAPTER_SLOTS.read_by(adapters.slots)
    try:
        yield
    finally:
        for gauge, reader in told:
            gauge.forget(reader)
        figures.ADAPTER_SLOTS.forget(adapters.slots)
