"""Halves of a batch side by side: order, errors, thread budget, and the same run either way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.link import LocalLink
from mlworker.engine.training.lanes import beside, read_together
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import write_run

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def budget() -> Iterator[None]:
    """Each test begins with two threads and leaves the process's own budget behind."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_answers_keep_their_order_and_two_parts_run_at_once() -> None:
    met = threading.Barrier(2, timeout=20)

    def work(part: int) -> tuple[int, int]:
        met.wait()  # breaks unless another part is there too
        return part * part, torch.get_num_threads()

    assert beside(work, [3, 4, 5, 6]) == [(9, 1), (16, 1), (25, 1), (36, 1)]
    assert torch.get_num_threads() == 2


def test_one_thread_does_all_parts_itself() -> None:
    torch.set_num_threads(1)
    me = threading.get_ident()
    assert beside(lambda part: (part, threading.get_ident()), [1, 2]) == [(1, me), (2, me)]


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_in_either_part_is_raised_when_both_have_ended(bad: int) -> None:
    ended = []

    def work(part: int) -> int:
        ended.append(part)
        if part == bad:
            raise ValueError(f"part {part}")
        return part

    with pytest.raises(ValueError, match=f"part {bad}"):
        beside(work, [0, 1])
    assert sorted(ended) == [0, 1]
    assert torch.get_num_threads() == 2
    assert beside(lambda part: part, [7, 8]) == [7, 8]


def test_rows_are_dealt_out_evenly_and_none_is_lost() -> None:
    lengths = [49, 53, 50, 56, 51, 55, 52, 54]
    parts = read_together(range(8), lengths, CPU)
    assert sorted(row for part in parts for row in part) == list(range(8))
    sums = [sum(lengths[row] for row in part) for part in parts]
    assert max(sums) <= 1.05 * min(sums)
    assert read_together([4], lengths, CPU) == [[4]]
    assert read_together([4, 5, 6], lengths, CPU) == [[4, 5, 6]]  # too few to be worth it
    assert read_together(range(8), lengths, torch.device("cuda")) == [list(range(8))]


@pytest.mark.parametrize(
    ("tier", "further"), [("lora", {}), ("full", {}), ("full", {"consistency": 2.0})]
)
def test_a_run_ends_the_same_with_one_thread_as_with_two(
    tier: str, further: dict[str, float], tmp_path: Path, tiny: BaseDirectory
) -> None:
    config = {
        **further,
        "epochs": 3,
        "batch_tokens": 450,
        "hidden_dropout": 0.1,
        "dropout": 0.3,
        "seed": 2**31 - 1,  # the largest there is: with step and part it passes 64 bits
        "precision": "fp32",
    }
    found = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        spec = write_run(folder, tiny, tier=tier, config=config)
        torch.set_num_threads(threads)
        Run(folder, spec, LocalLink()).execute()
        found.append(load_artifact(folder / "artifact").tensors)
    assert found[0].keys() == found[1].keys()
    for name, one in found[0].items():
        torch.testing.assert_close(one, found[1][name], rtol=1e-3, atol=1e-5)
