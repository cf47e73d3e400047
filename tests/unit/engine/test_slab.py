"""What slots take in memory: nothing while they are empty, and no more than is given in use."""

from collections.abc import Sequence

import psutil
import pytest
import torch

from mlworker.engine.artifact_manifest import LoraEntry
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.device import give_back_memory
from mlworker.engine.inference import Resident, SlotTable, slots
from mlworker.engine.inference.slab import FREE_SHARE, WIDEST, Slab, slot_bytes, slots_within
from tests.unit.engine.test_artifact import make_artifact


def test_slots_that_nobody_uses_take_no_memory(tiny: BaseDirectory) -> None:
    """Neither at first nor once a large rank has made all of them larger."""
    Resident.open(tiny, slots=1)  # what is taken once for the process
    process, count = psutil.Process(), 4_096
    before = process.memory_info().rss

    made = Resident.open(tiny, slots=count)
    opened = process.memory_info().rss - before
    narrow = count * made.slot_bytes()
    made.load(0, make_artifact(tiny, "lora"))
    made.load(1, make_artifact(tiny, "lora", lora=LoraEntry(64, 128.0)))
    widened = process.memory_info().rss - before

    assert narrow > 100 << 20
    assert count * made.slot_bytes() == 8 * narrow
    assert max(opened, widened) < 64 << 20


def test_room_for_a_larger_rank_is_made_before_the_slots_grow(
    tiny: BaseDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for four of rank 8 is room for two of rank 16: one may stay beside the newcomer."""
    monkeypatch.setattr(slots, "FEWEST", 1)
    copied: list[int] = []
    with_rank = Slab.with_rank

    def grow(slab: Slab, rank: int, used: Sequence[int]) -> Slab:
        copied.append(len(used))
        return with_rank(slab, rank, used)

    monkeypatch.setattr(Slab, "with_rank", grow)
    made = Resident.open(tiny, slots=8)
    ranks = {"wide": LoraEntry(16, 32.0)}
    table = SlotTable(
        made,
        lambda key: make_artifact(tiny, "lora", lora=ranks.get(key, LoraEntry(4, 8.0))),
        adapter_room=4 * made.slot_bytes(),
    )

    keys = ["1", "2", "3", "4", "wide"]
    for key in keys:
        table.ensure(key)

    assert copied == [1]
    assert [key for key in keys if table.peek(key) is not None] == ["4", "wide"]


def test_an_accelerator_gets_no_more_slots_than_it_has_room_for(tiny: BaseDirectory) -> None:
    bert = Resident.open(tiny, slots=1).bert
    free = FREE_SHARE * 100 * slot_bytes(bert, WIDEST)

    assert slots_within(bert, 1_024, free) == 100
    assert slots_within(bert, 64, free) == 64
    assert slots_within(bert, 64, 0) == 1


def test_what_was_freed_is_given_back() -> None:
    """Even below something that stays, where the C library would keep it."""
    freed = [torch.ones(8_192) for _ in range(6_000)]
    kept = [torch.ones(8_192) for _ in range(4)]
    freed.clear()
    before = psutil.Process().memory_info().rss

    give_back_memory()

    assert before - psutil.Process().memory_info().rss > 100 << 20
    assert len(kept) == 4
