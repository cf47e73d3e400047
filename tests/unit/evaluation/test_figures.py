"""The report's figures against hand-made cases, brute force, and what must hold for any answers."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlworker.engine.evaluation.calibration import calibration
from mlworker.engine.evaluation.counts import class_counts
from mlworker.engine.evaluation.curves import precision_recall
from mlworker.engine.evaluation.intervals import resample, wilson
from mlworker.engine.evaluation.significance import mcnemar_mid_p
from tests.unit.evaluation.factories import nothing

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def arrays(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    true, called = np.array(pairs, dtype=np.int64).T
    return true, called


def test_precision_recall_and_f1_of_a_case_on_paper() -> None:
    # 3 rows of a (2 found), 2 of b (1 found, 1 called c), none of c
    counts = class_counts(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2]), 3)
    assert counts.precision.tolist() == pytest.approx([1, 1 / 2, 0])
    assert counts.recall.tolist() == pytest.approx([2 / 3, 1 / 2, 0])
    assert counts.f1.tolist() == pytest.approx([0.8, 0.5, 0])
    assert counts.accuracy == pytest.approx(3 / 5)
    # c has no rows: it counts in neither mean
    assert counts.macro(counts.f1) == pytest.approx(0.65)
    assert counts.weighted(counts.f1) == pytest.approx((3 * 0.8 + 2 * 0.5) / 5)


@given(PAIRS)
def test_figures_agree_with_counting_row_by_row(pairs: list[tuple[int, int]]) -> None:
    counts = class_counts(*arrays(pairs), 5)
    tally = Counter(pairs)
    for label in range(5):
        hits = tally[label, label]
        called = sum(n for (_, said), n in tally.items() if said == label)
        support = sum(n for (true, _), n in tally.items() if true == label)
        assert counts.precision[label] == pytest.approx(hits / called if called else 0)
        assert counts.recall[label] == pytest.approx(hits / support if support else 0)


@given(PAIRS)
def test_micro_f1_is_accuracy_when_each_row_has_one_label(pairs: list[tuple[int, int]]) -> None:
    counts = class_counts(*arrays(pairs), 5)
    wrong = int(counts.support.sum() - counts.hits.sum())
    hits = int(counts.hits.sum())
    assert 2 * hits / (2 * hits + wrong + wrong) == pytest.approx(counts.accuracy)


@settings(max_examples=30, deadline=None)
@given(PAIRS, st.integers(0, 100))
def test_an_interval_holds_its_figure(pairs: list[tuple[int, int]], seed: int) -> None:
    true, called = arrays(pairs)
    counts = class_counts(true, called, 5)
    drawn = resample(true, called, 5, seed=seed, between=nothing)
    for value, draws in (
        (counts.accuracy, drawn.accuracy),
        (counts.macro(counts.f1), drawn.macro_f1),
    ):
        found = drawn.interval(value, draws, len(pairs))
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_drawing_cells_is_drawing_rows() -> None:
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 200)
    called = np.where(random.random(200) < 0.7, true, random.integers(0, 3, 200))
    rows = random.integers(0, 200, (1_000, 200))
    slow = np.array([class_counts(true[pick], called[pick], 3).f1.mean() for pick in rows])
    drawn = resample(true, called, 3, seed=2, between=nothing)
    assert np.quantile(drawn.macro_f1, [0.025, 0.975]) == pytest.approx(
        np.quantile(slow, [0.025, 0.975]), abs=0.015
    )


def test_the_same_seed_gives_the_same_interval() -> None:
    true, called = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    first, second = (resample(true, called, 2, seed=5, between=nothing) for _ in range(2))
    assert first.macro_f1.tolist() == second.macro_f1.tolist()


def test_an_interval_shrinks_with_more_rows() -> None:
    few, many = wilson(0.8, 10), wilson(0.8, 1_000)
    assert many.high - many.low < (few.high - few.low) / 5


def test_wilsons_interval_of_a_case_from_the_books() -> None:
    # 81 of 263, method 3 in R. Newcombe, Statistics in Medicine 17 (1998)
    found = wilson(81 / 263, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_rows_without_an_error_promise_no_certainty() -> None:
    true = np.array([0, 1] * 8)
    drawn = resample(true, true, 2, seed=0, between=nothing)
    found = drawn.interval(1.0, drawn.accuracy, 16)
    assert found.high == 1.0
    assert 0.7 < found.low < 0.9


def test_calibration_of_a_case_on_paper() -> None:
    # four rows in the bin of 0.9 (three right), two in the bin of 0.6 (none right)
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    found = calibration(scores, np.array([1, 1, 1, 0, 0, 0]), bins=10)
    assert found.ece == pytest.approx(4 / 6 * 0.15 + 2 / 6 * 0.6)
    assert [line["rows"] for line in found.bins] == [2, 4]
    assert found.bins[1]["accuracy"] == pytest.approx(0.75)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=50))
def test_calibration_error_is_a_share(rows: list[tuple[float, int]]) -> None:
    scores, right = np.array([s for s, _ in rows]), np.array([r for _, r in rows])
    found = calibration(scores, right)
    assert 0 <= found.ece <= 1 + 1e-9
    assert sum(line["rows"] for line in found.bins) == len(rows)


def test_a_curve_of_a_case_on_paper() -> None:
    # scikit-learn's own example: average precision 0.8333
    found = precision_recall(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    assert found.average_precision == pytest.approx(5 / 6)
    assert found.points[0] == (0.5, 1.0)
    assert found.points[-1] == pytest.approx((1.0, 2 / 3), abs=1e-5)


def test_equal_scores_are_one_point_of_a_curve() -> None:
    found = precision_recall(np.full(10, 0.5), np.array([1] * 4 + [0] * 6))
    assert found.points == ((1.0, 0.4),)
    assert found.average_precision == pytest.approx(0.4)


def test_a_long_curve_is_thinned() -> None:
    random = np.random.default_rng(0)
    found = precision_recall(random.random(50_000), random.integers(0, 2, 50_000))
    assert len(found.points) <= 40
    assert found.points[-1][0] == 1.0


@pytest.mark.parametrize(("first", "second"), [(0, 0), (5, 5), (1, 8), (8, 1), (0, 6), (12, 20)])
def test_mcnemar_agrees_with_the_binomial_written_out(first: int, second: int) -> None:
    pairs, low = first + second, min(first, second)
    chance = [math.comb(pairs, k) / 2**pairs for k in range(low + 1)]
    assert mcnemar_mid_p(first, second) == pytest.approx(min(1, 2 * sum(chance) - chance[-1]))


def test_mcnemar_bears_a_hundred_thousand_rows() -> None:
    assert mcnemar_mid_p(50_000, 50_000) == pytest.approx(1.0)
    assert mcnemar_mid_p(51_000, 49_000) < 1e-8
