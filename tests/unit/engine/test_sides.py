"""Parts of a batch side by side: the same answers, each part on a thread of its own."""

import threading
import time
from collections.abc import Sequence

import pytest
import torch

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.inference import Resident, TokenRow
from mlworker.engine.inference.sides import LEAST_ROWS, MOST_SIDES, Sides
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact


def test_rows_of_many_models_are_answered_in_their_order_as_alone(tiny: BaseDirectory) -> None:
    resident = Resident.open(tiny, slots=5, sides=2)
    for slot in range(5):
        resident.load(slot, make_artifact(tiny, "lora", labels=("a", "b"), seed=slot))
    texts = [row["text"] for row in sentences(37)]
    encoded = resident.tokenizer.encode(texts, 64)
    rows = [TokenRow(each.ids, place % 5) for place, each in enumerate(encoded)]

    answers, vectors = resident.forward(rows), resident.embed(rows)

    for found, alone in ((answers, resident.forward), (vectors, resident.embed)):
        for row, answer in zip(rows, found, strict=True):
            assert answer == pytest.approx(alone([row])[0], abs=1e-5)


def test_each_part_has_a_core_to_itself_and_a_fair_share_of_long_rows() -> None:
    seen: list[tuple[int, int, list[int]]] = []

    def forward(rows: Sequence[int]) -> list[int]:
        seen.append((threading.get_ident(), torch.get_num_threads(), list(rows)))
        time.sleep(0.05)
        return [-row for row in rows]

    rows = [1, 100] * LEAST_ROWS

    assert Sides(2).run(forward, rows, abs) == [-row for row in rows]
    assert {thread for thread, _, _ in seen} & {threading.get_ident()} == set()
    assert [(cores, sorted(part)) for _, cores, part in seen] == 2 * [
        (1, [1] * (LEAST_ROWS // 2) + [100] * (LEAST_ROWS // 2))
    ]
    assert len({thread for thread, _, _ in seen}) == 2


@pytest.mark.parametrize(
    ("sides", "rows"), [(1, 64), (2, 2 * LEAST_ROWS - 1), (MOST_SIDES + 1, 64)]
)
def test_few_rows_and_many_cores_share_a_batch_as_before(sides: int, rows: int) -> None:
    here: list[int] = []

    def forward(part: Sequence[int]) -> list[int]:
        here.append(threading.get_ident())
        return list(part)

    assert Sides(sides).run(forward, range(rows), abs) == list(range(rows))
    assert here == [threading.get_ident()]


def test_a_part_that_fails_is_told_when_no_part_runs_any_more() -> None:
    ended = threading.Event()

    def forward(part: Sequence[int]) -> list[int]:
        if 0 in part:
            raise RuntimeError("broken")
        time.sleep(0.2)
        ended.set()
        return list(part)

    with pytest.raises(RuntimeError, match="broken"):
        Sides(2).run(forward, range(2 * LEAST_ROWS), abs)

    assert ended.is_set()
