"""The base with one model's adapter added in: what a model runs on while it fills whole batches.

An adapter beside the base costs a tenth to a sixth of a batch (measured); a model that has batches
to itself need not pay it. Its copy shares with the base whatever has no adapter.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from mlworker.engine.adapters.merge import linear_at
from mlworker.engine.base.bert import Bert
from mlworker.engine.device import take_threads
from mlworker.engine.inference.slab import Slab

logger = logging.getLogger(__name__)

ROOM = 2
"""Copies kept of a number format; for MiniLM-L6 one takes 43 MB, and 21 in bf16."""
AFTER_TOKENS = 8_192
"""What a model answers in batches of its own before it gets a copy: one takes about 20 ms."""


class MergedModels:
    """Copies by slot, made aside; the least recently used makes way. Forward's thread asks."""

    def __init__(self, finish: Callable[[Bert], Bert]) -> None:
        """`finish` brings a merged float32 copy into the format that is served."""
        self._finish = finish
        self._copies: OrderedDict[int, Bert] = OrderedDict()
        self._alone: Counter[int] = Counter()
        self._made: Counter[int] = Counter()
        self._making = False
        self._lock = threading.Lock()
        # A second team of OpenMP threads would be more than there are cores, and then none spins.
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="merge", initializer=take_threads, initargs=(1,)
        )

    def of(self, slab: Slab, slot: int, tokens: int) -> Bert | None:
        """The copy of a slot that has a batch of so many tokens to itself, if there is one yet."""
        with self._lock:
            found = self._copies.get(slot)
            if found is not None:
                self._copies.move_to_end(slot)
                return found
            if self._making:
                return None
            self._alone[slot] += tokens
            if self._alone[slot] >= AFTER_TOKENS:
                self._making = True
                self._thread.submit(self._make, slab, slot, self._made[slot])
            return None

    def drop(self, slot: int) -> None:
        """Forget a slot's copy, before and after its adapter changes."""
        with self._lock:
            self._made[slot] += 1
            self._copies.pop(slot, None)
            self._alone.pop(slot, None)

    def _make(self, slab: Slab, slot: int, made: int) -> None:
        copy: Bert | None = None
        try:
            copy = self._finish(merged_slot(slab, slot))
        except Exception:  # answers come without it as well
            logger.exception("engine.merge_failed")
        with self._lock:
            self._making = False
            self._alone.clear()
            if copy is not None and self._made[slot] == made:
                self._copies[slot] = copy
                while len(self._copies) > ROOM:
                    self._copies.popitem(last=False)


def merged_slot(slab: Slab, slot: int) -> Bert:
    """A base that computes as the slab's base with the slot's adapter."""
    with torch.device("meta"):
        result = Bert(slab.bert.config)
    result.dtype = slab.bert.dtype
    result.load_state_dict(slab.bert.state_dict(), strict=True, assign=True)
    with torch.no_grad():
        for key in slab.a:
            linear = linear_at(result, key)
            weight = linear.weight + slab.update(key, slot)
            linear.weight = torch.nn.Parameter(weight, requires_grad=False)
    return result.requires_grad_(False).eval()
