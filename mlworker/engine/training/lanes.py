"""Two halves of a batch side by side, each in a thread of its own with half of the cores.

A batch of a few hundred tokens is too small to be shared out within each product: two cores then
read as many rows a second as one (measured, 900 tokens a step). Two halves share nothing but the
weights, and their results are put together in a fixed order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import torch

LANES = 2
_LEAST_TOKENS = 300
"""Fewer are not worth two parts: what a step costs besides its products is paid for each."""
Part = TypeVar("Part")
Found = TypeVar("Found")


def read_together(
    rows: Sequence[int], lengths: Sequence[int], device: torch.device
) -> list[list[int]]:
    """The rows in two parts with about as many tokens, dealt out by length; few tokens stay
    together, and an accelerator takes all of them whole.

    A batch is cut in the same way whether or not there are cores for both parts: sums are rounded
    part by part, and a run ends the same with one thread as with two.
    """
    if device.type != "cpu" or sum(lengths[row] for row in rows) < _LEAST_TOKENS:
        return [list(rows)]
    order = sorted(rows, key=lengths.__getitem__)
    return [part for part in (order[lane::LANES] for lane in range(LANES)) if part]


def beside(work: Callable[[Part], Found], parts: Sequence[Part]) -> list[Found]:
    """`work` of each part, in their order; of two at a time where there are threads for it.

    The caller's thread budget is shared out and given back. An error in any part is raised when no
    part runs any more.
    """
    budget = torch.get_num_threads()
    if budget < LANES or len(parts) < LANES:
        return [work(part) for part in parts]

    def drawn(lane: int) -> list[Found]:
        torch.set_num_threads(budget // LANES)
        return [work(part) for part in parts[lane::LANES]]

    other = _pool().submit(drawn, 1)
    try:
        mine = drawn(0)
    finally:
        wait([other])
        torch.set_num_threads(budget)
    theirs = other.result()
    return [(theirs if place % LANES else mine)[place // LANES] for place in range(len(parts))]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(LANES - 1, thread_name_prefix="lane")
