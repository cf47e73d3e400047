"""Tier head's cache: hidden states of rows after a few candidate blocks, computed once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mlworker.engine.data.batches import micro_batches, plan_batches
from mlworker.engine.data.packing import TRAINING, PackedRows, pack_rows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.heads import attention_feature
from mlworker.engine.training.evaluate import EVAL_TOKENS
from mlworker.engine.training.lanes import beside, read_together
from mlworker.engine.training.setup import Setup

CACHE_BYTES = 768 << 20
"""What the training rows' states may take; validation rows may take a quarter of it more."""
_MANY_ROWS = 50_000


def candidate_layers(depth: int, rows: int) -> tuple[int, ...]:
    """Blocks after which features are worth trying: later ones forget sentiment and keep topics.

    Large sets try one, so that more of their rows fit into the cache.
    """
    first = max(1, round(depth * 2 / 3))
    if rows > _MANY_ROWS:
        return (first,)
    return tuple(sorted({first, max(1, depth - 1), depth}))


def rows_that_fit(lengths: Sequence[int], order: Sequence[int], tokens: int) -> list[int]:
    """The longest beginning of `order` with at most so many tokens, one row at least."""
    chosen: list[int] = []
    for index in order:
        tokens -= lengths[index]
        if tokens < 0 and chosen:
            break
        chosen.append(index)
    return chosen


def cached_rows(
    setup: Setup, split: EncodedSplit, layers: tuple[int, ...], share: int
) -> list[int]:
    """Rows of a split whose states are kept, in mixed order; all of them in most runs."""
    token = len(layers) * setup.bert.config.hidden_size * setup.bert.pooler.weight.element_size()
    generator = torch.Generator().manual_seed(setup.config.seed)
    order = torch.randperm(len(split), generator=generator).tolist()
    return rows_that_fit([len(row) for row in split.ids], order, CACHE_BYTES // share // token)


def spread(starts: Tensor, sizes: Tensor) -> Tensor:
    """Numbers of `sizes[i]` places from `starts[i]` on, one row after the other."""
    before = sizes.cumsum(0) - sizes
    return torch.repeat_interleave(starts - before, sizes) + torch.arange(int(sizes.sum()))


def token_places(lengths: Sequence[int], rows: Sequence[int]) -> Tensor:
    """Where the tokens of some rows lie among those of all rows."""
    sizes = torch.tensor(lengths)
    chosen = torch.as_tensor(rows, dtype=torch.long)
    return spread((sizes.cumsum(0) - sizes)[chosen], sizes[chosen])


class TokenStates:
    """States of some rows: [L, T, H] in the base's number format, on the run's device."""

    def __init__(self, setup: Setup, ids: Sequence[Sequence[int]], layers: tuple[int, ...]) -> None:
        self.layers = layers
        self.filled = False
        """Whether all rows have been read; whoever reads them says so."""
        self._setup, self._ids = setup, ids
        self.lengths = [len(row) for row in ids]
        ends = torch.tensor(self.lengths).cumsum(0)
        self._starts = ends - torch.tensor(self.lengths)
        weight = setup.bert.pooler.weight
        width = setup.bert.config.hidden_size
        self._states = [weight.new_empty(int(ends[-1]), width) for _ in layers]

    def __len__(self) -> int:
        return len(self._ids)

    def part(self, rows: Sequence[int], layers: tuple[int, ...]) -> TokenStates:
        """Some of the rows after some of the blocks, without a copy."""
        view = copy.copy(self)
        view.layers = layers
        view._ids = [self._ids[row] for row in rows]
        view.lengths = [self.lengths[row] for row in rows]
        view._starts = self._starts[torch.as_tensor(rows, dtype=torch.long)]
        view._states = [self._states[self.layers.index(layer)] for layer in layers]
        return view

    def fill(self, rows: Sequence[int]) -> None:
        """Read these rows with the frozen base."""
        pace = self._setup.pace
        lengths = [self.lengths[row] for row in rows]
        budget = EVAL_TOKENS.on(self._setup.device)
        for batch in plan_batches(lengths, token_budget=budget):
            for micro in micro_batches(batch, lengths, pace.micro_tokens(budget)):
                pace.begin()
                parts = read_together(micro, lengths, self._setup.device)
                beside(self._read, [[rows[place] for place in part] for part in parts])
                pace.end(sum(lengths[place] for place in micro))

    def _read(self, rows: Sequence[int]) -> None:
        packed = self.pack(rows)
        with torch.inference_mode():
            found = self._setup.bert.states(packed, self.layers)
            places = self._places(packed, rows)
            for place, state in enumerate(found):
                self._states[place].index_copy_(0, places, state)

    def pack(self, rows: Sequence[int]) -> PackedRows:
        """Rows as one batch; `hidden` then gives their states."""
        return pack_rows(
            [self._ids[row] for row in rows], self._setup.device, TRAINING.on(self._setup.device)
        )

    def hidden(self, place: int, packed: PackedRows, rows: Sequence[int]) -> Tensor:
        """States [T, H] of a batch packed from `rows`, after block `layers[place]`."""
        return self._states[place].index_select(0, self._places(packed, rows))

    def lines(self, place: int, tokens: Tensor) -> Tensor:
        """Float32 states [n, H] on the CPU of some tokens, after block `layers[place]`."""
        states = self._states[place]
        return states.index_select(0, tokens.to(states.device)).float().cpu()

    def tokens(self) -> Tensor:
        """Where the tokens of all rows lie, row after row."""
        return spread(self._starts, torch.tensor(self.lengths))

    def features(self, place: int, query: Tensor, rows: Sequence[int]) -> Tensor:
        """Pooled features [n, H] float32 on the CPU, in the order of `rows`."""
        out = torch.empty(len(rows), query.shape[-1])
        eps = self._setup.bert.config.layer_norm_eps
        for batch in self.batches(rows):
            chosen = [rows[index] for index in batch]
            packed = self.pack(chosen)
            with torch.no_grad():
                found = attention_feature(self.hidden(place, packed, chosen), packed, query, eps)
            out[torch.tensor(batch)] = found.index_select(0, packed.inverse).cpu()
            self._setup.pace.look()
        return out

    def batches(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Places in `rows`, cut by tokens."""
        lengths = [self.lengths[row] for row in rows]
        yield from plan_batches(lengths, token_budget=EVAL_TOKENS.on(self._setup.device))

    def _places(self, packed: PackedRows, rows: Sequence[int]) -> Tensor:
        """Where each packed token's state lies."""
        first = self._starts[[rows[place] for place in packed.order]].to(packed.row_of_token.device)
        return first.index_select(0, packed.row_of_token) + packed.positions[: packed.tokens]
