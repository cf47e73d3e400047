"""Rows to answer, and how they are cut into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One tokenised text and the slot whose model answers it."""

    ids: Sequence[int]
    slot: int


def plan_batches(
    lengths: Sequence[int], *, token_budget: int = 4096, max_rows: int = 256
) -> list[list[int]]:
    """Cut rows into batches of at most ``token_budget`` tokens (one row at least), by index.

    Rows are sorted by length, so that attention's rectangles hold little padding.
    """
    batches: list[list[int]] = []
    used = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not batches or used + lengths[index] > token_budget or len(batches[-1]) >= max_rows:
            batches.append([])
            used = 0
        batches[-1].append(index)
        used += lengths[index]
    return batches
