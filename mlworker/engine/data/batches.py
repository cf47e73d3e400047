"""Batches under a token budget, from rows of almost equal length. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_NOISE = 0.1
"""Lengths are jittered by this share, so that an epoch's batches differ from the last one's."""


def plan_batches(
    lengths: Sequence[int], *, token_budget: int = 4096, max_rows: int = 256
) -> list[list[int]]:
    """Row indices in batches: sorted by length, at most `token_budget` tokens and `max_rows`.

    A row longer than the budget gets a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return _cut(order, lengths, token_budget, max_rows)


def epoch_batches(
    lengths: Sequence[int], *, token_budget: int, seed: int, epoch: int
) -> list[list[int]]:
    """One epoch's batches in random order; the same for the same (seed, epoch)."""
    random = Random(f"{seed}/{epoch}")  # noqa: S311 - a repeatable order, not a secret
    noisy = [length * (1 + _NOISE * random.random()) + random.random() for length in lengths]
    order = sorted(range(len(lengths)), key=noisy.__getitem__)
    batches = _cut(order, lengths, token_budget, len(lengths))
    random.shuffle(batches)
    return batches


def micro_batches(
    batch: Sequence[int], lengths: Sequence[int], token_budget: int
) -> list[list[int]]:
    """Micro-batches of one batch."""
    return _cut(list(batch), lengths, token_budget, len(batch))


def _cut(
    order: list[int], lengths: Sequence[int], token_budget: int, max_rows: int
) -> list[list[int]]:
    batches: list[list[int]] = []
    current: list[int] = []
    tokens = 0
    for index in order:
        full = tokens + lengths[index] > token_budget or len(current) >= max_rows
        if current and full:
            batches.append(current)
            current, tokens = [], 0
        current.append(index)
        tokens += lengths[index]
    if current:
        batches.append(current)
    return batches


def plan_cut(
    plan: list[list[list[int]]], lengths: Sequence[int], limit: int
) -> list[list[list[int]]]:
    """The batches of all epochs up to so many tokens, at least one: schedule and end follow it."""
    cut: list[list[list[int]]] = []
    for batches in plan:
        kept: list[list[int]] = []
        for batch in batches:
            limit -= sum(lengths[index] for index in batch)
            if limit < 0 and (cut or kept):
                return [*cut, kept] if kept else cut
            kept.append(batch)
        cut.append(kept)
    return cut
