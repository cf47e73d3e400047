"""The split and the content hash: the same everywhere, for ever."""

import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenants.datasets.splits import split_assign, split_counts
from tests.unit.datasets.helpers import built, csv_of, good_rows, rows_of

PINNED = "8f534bc2da87029bc2ae9dd70955b3480c2faf349c4ce29aaa899325a05dd57d"
PINNED_SPLIT = "errrerrrrraerrrrrarrrrrerrrraarrrrrrrrrr"  # second letters: tRain, vAlidation, tEst


def test_the_parts_are_80_10_10_of_every_class() -> None:
    rows = [(f"text {n}", "big" if n % 4 else "small") for n in range(400)]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows_of(built(csv_of(rows))):
        counts[row["label"]][row["split"]] += 1
    assert counts["big"] == {"train": 240, "validation": 30, "test": 30}
    assert counts["small"] == {"train": 80, "validation": 10, "test": 10}


@pytest.mark.parametrize(
    ("rows", "turn", "expected"),
    [(1, 0, (0, 0)), (2, 0, (1, 0)), (2, 1, (0, 1)), (3, 0, (1, 1)), (14, 0, (1, 1)),
     (15, 0, (2, 2)), (5331, 0, (533, 533))],
)  # fmt: skip
def test_small_classes_train_first(rows: int, turn: int, expected: tuple[int, int]) -> None:
    assert split_counts(rows, turn) == expected


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(0, 2**40))
@settings(max_examples=60, deadline=None)
def test_every_class_trains_whatever_its_size(labels: list[int], seed: int) -> None:
    digests = [n.to_bytes(16, "big") for n in range(len(labels))]
    parts = split_assign(labels, digests, seed)
    assert set(np.asarray(labels)[parts == 0]) == set(labels)


def test_the_same_rows_get_the_same_split_and_hash() -> None:
    data = csv_of(good_rows(200))
    first, second = built(data), built(data.replace(b"\n", b"\r\n"))
    assert first.content_hash == second.content_hash
    assert rows_of(first) == rows_of(second)


def test_the_hash_is_of_rows_not_of_bytes_or_format() -> None:
    rows = good_rows(40)
    lines = "\n".join(f'{{"label": "{label}", "text": "{text}"}}' for text, label in rows)
    assert built(csv_of(rows)).content_hash == built(lines.encode(), "a.jsonl").content_hash
    changed = [*rows[:-1], ("text number 39", "good")]
    assert built(csv_of(rows)).content_hash != built(csv_of(changed)).content_hash


def test_the_hash_is_pinned() -> None:
    made = built(csv_of(good_rows(40)))
    assert made.content_hash == PINNED
    assert "".join(row["split"][1] for row in rows_of(made)) == PINNED_SPLIT


def test_a_rows_part_does_not_depend_on_its_place() -> None:
    rows = good_rows(300)
    shuffled = random.Random(3).sample(rows, len(rows))
    parts = [
        {row["text"]: row["split"] for row in rows_of(built(csv_of(order)))}
        for order in (rows, shuffled)
    ]
    assert parts[0] == parts[1]


def test_added_rows_leave_nearly_every_part_as_it_was() -> None:
    before = {r["text"]: r["split"] for r in rows_of(built(csv_of(good_rows(1000))))}
    after = {r["text"]: r["split"] for r in rows_of(built(csv_of(good_rows(1100))))}
    moved = sum(before[text] != after[text] for text in before)
    assert moved < 40


def test_another_seed_splits_otherwise() -> None:
    data = csv_of(good_rows(200))
    assert rows_of(built(data, seed=1)) != rows_of(built(data, seed=2))


def test_row_ids_are_the_files_row_numbers_and_ascend() -> None:
    rows = [*good_rows(20), ("", "good"), *((f"more {n}", "bad") for n in range(20))]
    ids = [row["row_id"] for row in rows_of(built(csv_of(rows)))]
    assert ids == [*range(2, 22), *range(23, 43)]
