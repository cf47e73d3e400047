"""Slices by further columns: what is worse is found, and luck is not."""

import json
import math
import time
from typing import Any

import numpy as np
import pytest

from mlworker.engine.evaluation.column_slices import column_slices
from mlworker.engine.evaluation.counts import Floats
from mlworker.engine.evaluation.intervals import wilson
from mlworker.engine.evaluation.significance import holm, subset_p
from mlworker.engine.evaluation.subject import Scored
from tests.unit.evaluation.factories import nothing

SOURCES = ("web", "phone", "shop", "mail")


def right(values: Floats) -> Scored:
    ones = np.ones(len(values))
    return Scored("accuracy", higher_is_better=True, above=values, below=ones, cases=ones)


def sliced(scored: Scored, **columns: list[object]) -> dict[str, Any]:
    rows = len(scored.above)
    metas = [
        {name: values[at] for name, values in columns.items() if values[at] is not None}
        for at in range(rows)
    ]
    found = column_slices(metas, np.arange(rows) + 2, scored, seed=0, between=nothing)
    assert found is not None
    return dict(found)


def slices_of(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return next(one["slices"] for one in found["columns"] if one["column"] == name)


def answers(rows: int = 400, accuracy: float = 0.9, seed: int = 1) -> Floats:
    return (np.random.default_rng(seed).random(rows) < accuracy).astype(np.float64)


def test_a_planted_bad_slice_is_found_and_a_random_column_gives_no_verdict() -> None:
    random = np.random.default_rng(3)
    good = answers()
    source = [SOURCES[n % 4] for n in range(400)]
    good[1::4] = random.random(100) < 0.6  # every row of the phone
    columns: dict[str, list[object]] = {
        "source": list(source),
        "shuffled": random.permutation(source).tolist(),
        "id": [f"id {n}" for n in range(400)],
    }
    found = sliced(right(good), **columns)
    worse = [
        (one["column"], columns[one["column"]][line["row"] - 2])
        for one in found["columns"]
        for line in one["slices"]
        if line["verdict"] == "worse"
    ]
    assert worse == [("source", "phone")]
    assert found["tested"] == 8
    assert found["skipped"] == [{"column": "id", "reason": "all_different"}]
    phone = next(line for line in slices_of(found, "source") if line["verdict"] == "worse")
    assert phone["figure"]["value"] == pytest.approx(good[1::4].mean())
    assert phone["figure"] == wilson(float(good[1::4].mean()), 100).as_dict()
    assert phone["rest"] == pytest.approx(np.delete(good, slice(1, None, 4)).mean())
    assert not {"phone", "web", "id 3"} & set(json.dumps(found).split('"'))


def test_luck_is_told_from_a_bad_slice_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(5)
    alarms = 0
    for trial in range(100):
        columns: dict[str, list[object]] = {
            f"c{at}": random.integers(0, 5, 300).tolist() for at in range(4)
        }
        found = sliced(right(answers(300, seed=trial)), **columns)
        alarms += any(
            line["verdict"] == "worse" for one in found["columns"] for line in one["slices"]
        )
    assert alarms <= 12  # 5 expected; more than 12 would come once in 600 such tests


def test_numbers_are_cut_in_quartiles_also_those_that_cells_hold_as_text() -> None:
    price: list[object] = [str(n * 3) if n % 8 else None for n in range(160)]
    (low, *_, high, gone) = slices_of(sliced(right(answers(160)), price=price), "price")
    assert [low["kind"], high["kind"], gone["kind"]] == ["range", "range", "missing"]
    assert (low["row"] - 2, high["high_row"] - 2) == (1, 159)
    assert gone["rows"] == 20
    whole = sliced(right(answers(160)), price=price)["columns"][0]
    assert (whole["kind"], len(whole["slices"])) == ("number", 5)
    assert sum(line["rows"] for line in whole["slices"]) == 160


def test_few_numbers_are_values_in_their_order_and_true_is_a_value() -> None:
    found = sliced(
        right(answers(120)),
        stars=[str(n % 5 + 6) for n in range(120)],
        new=[n % 2 == 0 for n in range(120)],
        old=["TRUE" if n % 2 else "False" for n in range(120)],
    )
    assert {one["column"]: one["kind"] for one in found["columns"]} == {
        "new": "boolean",
        "old": "boolean",
        "stars": "category",
    }
    assert [line["row"] - 2 for line in slices_of(found, "stars")] == [0, 1, 2, 3, 4]


def test_rare_values_are_one_slice_together() -> None:
    author = [f"author {n % 25}" for n in range(500)]
    lines = slices_of(sliced(right(answers(500)), author=list(author)), "author")
    assert [line["kind"] for line in lines] == ["value"] * 20 + ["other"]
    assert lines[-1]["values"] == 5
    assert sum(line["rows"] for line in lines) == 500


@pytest.mark.parametrize(
    ("values", "reason"),
    [(["same"] * 60, "same"), ([f"name {n // 1.5}" for n in range(60)], "all_different")],
)
def test_columns_that_cut_nothing_are_skipped_with_the_reason(
    values: list[object], reason: str
) -> None:
    found = sliced(right(answers(60)), column=values)
    assert (found["columns"], found["skipped"]) == ([], [{"column": "column", "reason": reason}])


def test_tiny_slices_are_shown_without_a_verdict() -> None:
    good = np.ones(60)
    good[:9] = 0
    found = sliced(right(good), shop=["a" if n < 9 else "b" for n in range(60)])
    assert [(line["rows"], line["verdict"]) for line in slices_of(found, "shop")] == [
        (51, None),  # nine others are too few to compare with
        (9, None),
    ]
    assert found["tested"] == 0


def test_rows_without_further_columns_have_no_slices() -> None:
    assert column_slices([{}, {}], np.arange(2), right(np.ones(2)), seed=0, between=nothing) is None


def test_a_mean_error_is_worse_where_it_is_larger() -> None:
    random = np.random.default_rng(2)
    errors = random.exponential(1.0, 400)
    errors[:80] *= 2.5
    ones = np.ones(400)
    scored = Scored("mae", higher_is_better=False, above=errors, below=ones, cases=0 * ones)
    found = sliced(scored, shop=["a" if n < 80 else "b" for n in range(400)])
    bad, good = sorted(slices_of(found, "shop"), key=lambda line: line["rows"])
    assert (bad["verdict"], good["verdict"]) == ("worse", "not_separable")
    assert bad["figure"]["low"] < errors[:80].mean() < bad["figure"]["high"]
    assert bad["figure"]["value"] == pytest.approx(errors[:80].mean())


def test_f1_is_worse_where_labels_are_missed_and_absent_where_there_are_none() -> None:
    true = np.tile([2.0, 1.0, 0.0, 1.0], 100)
    found = true.copy()
    found[:100:2] = 0  # half of the first shop's labels are not found
    scored = Scored(
        "micro_f1", higher_is_better=True, above=2 * found, below=found + true, cases=true
    )
    shop: list[object] = ["a" if n < 100 else "b" for n in range(400)]
    empty: list[object] = ["none" if not value else "some" for value in true]
    lines = sliced(scored, shop=shop, empty=empty)
    bad, good = sorted(slices_of(lines, "shop"), key=lambda line: line["rows"])
    assert (bad["verdict"], good["verdict"]) == ("worse", "not_separable")
    assert bad["figure"]["value"] == pytest.approx(2 * 50 / (50 + 100))
    assert good["figure"]["high"] == 1.0 > good["figure"]["low"] > 0.9
    nothing_there = next(line for line in slices_of(lines, "empty") if line["figure"] is None)
    assert (nothing_there["rows"], nothing_there["verdict"]) == (100, None)


def test_of_right_and_wrong_rows_the_test_is_fishers() -> None:
    worth = np.array([1.0] * 40 + [0.0] * 20)
    chosen = np.zeros(60, dtype=bool)
    chosen[33:48] = True  # 7 right, 8 wrong
    ways = [math.comb(40, hits) * math.comb(20, 15 - hits) for hits in range(8)]
    exact = sum(ways) / math.comb(60, 15)
    assert subset_p(worth, chosen, seed=0) == pytest.approx(exact, rel=0.1)


def test_p_values_asked_together_are_corrected_in_steps() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_twenty_columns_of_many_rows_take_seconds_and_stay_small() -> None:
    random = np.random.default_rng(0)
    rows = 4_000
    columns = {f"c{at}": random.integers(0, 40 + at, rows).tolist() for at in range(10)}
    columns |= {f"n{at}": random.random(rows).tolist() for at in range(10)}
    errors, ones = random.exponential(1.0, rows), np.ones(rows)
    scored = Scored("mae", higher_is_better=False, above=errors, below=ones, cases=0 * ones)
    begun = time.process_time()
    found = sliced(scored, **columns)
    assert time.process_time() - begun < 20
    assert len(json.dumps(found)) < 100_000
    assert len(found["columns"]) == 20
