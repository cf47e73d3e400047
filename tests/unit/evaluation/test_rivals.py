"""Baselines of label sets, spans and numbers, and the test that sets a model against them."""

import itertools

import numpy as np
import pytest
import torch

from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.evaluation.baselines import Baseline, compare_macro_f1
from mlworker.engine.evaluation.counts import Floats, class_counts
from mlworker.engine.evaluation.entities import word_tag
from mlworker.engine.evaluation.label_rivals import frequency, judged, micro_f1
from mlworker.engine.evaluation.significance import SHUFFLES, macro_f1_p, randomization_p
from mlworker.engine.evaluation.tfidf import LABELS, NUMBER, fit_tfidf
from mlworker.engine.tasks.base import IGNORED
from tests.unit.evaluation.factories import nothing


def mean(sums: Floats) -> Floats:
    return sums[:, 0] / sums[:, 1]


def p_of(first: list[float], second: list[float], *, seed: int = 0) -> float:
    one, two = (np.stack([np.array(each), np.ones(len(each))], axis=1) for each in (first, second))
    return randomization_p(one, two, mean, seed=seed, between=nothing)


def test_shuffling_agrees_with_all_swaps_written_out() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(0.4, 1, 12), random.normal(0, 1, 12)
    gaps = first - second
    swaps = [abs(np.dot(signs, gaps)) for signs in itertools.product((-1, 1), repeat=12)]
    exact = np.mean([swap >= abs(gaps.sum()) - 1e-9 for swap in swaps])
    found = p_of(first.tolist(), second.tolist())
    assert found == pytest.approx(exact, abs=0.03)


def test_equal_answers_are_no_difference_and_a_plain_one_is_never_certain() -> None:
    assert p_of([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1.0
    assert p_of([1.0] * 60, [0.0] * 60) == pytest.approx(1 / (SHUFFLES + 1))


def test_models_of_one_kind_are_told_apart_one_time_in_twenty() -> None:
    random = np.random.default_rng(5)
    drawn = random.random((200, 2, 60))
    low = [p_of(one.tolist(), two.tolist(), seed=at) < 0.05 for at, (one, two) in enumerate(drawn)]
    assert 2 <= sum(low) <= 20


def test_shuffling_macro_f1_agrees_with_all_swaps_written_out() -> None:
    random = np.random.default_rng(5)
    targets = random.integers(0, 3, 40)
    first = np.where(random.random(40) < 0.8, targets, random.integers(0, 3, 40))
    second = first.copy()
    apart = random.choice(40, 9, replace=False)
    second[apart] = (second[apart] + 1) % 3

    def macro(called: np.ndarray) -> float:
        counts = class_counts(targets, called, 3)
        return counts.macro(counts.f1)

    seen = abs(macro(first) - macro(second))
    reached = 0
    for swapped in itertools.product([False, True], repeat=9):
        one, two = first.copy(), second.copy()
        places = apart[list(swapped)]
        one[places], two[places] = second[places], first[places]
        reached += abs(macro(one) - macro(two)) >= seen - 1e-12
    exact = reached / 2**9
    found = macro_f1_p(targets, first, second, 3, seed=1, between=nothing)
    assert found == pytest.approx(exact, abs=0.03)
    assert macro_f1_p(targets, first, first, 3, seed=1, between=nothing) == 1.0


def test_the_best_baseline_by_macro_f1_is_the_one_to_beat() -> None:
    """The commonest label is right most often; words find the rare label too."""
    targets = np.array([0] * 90 + [1] * 10)
    commonest = Baseline("majority", np.zeros(100, dtype=np.int64))
    words = Baseline("tf_idf", np.array([0] * 70 + [1] * 30))
    skipped = Baseline("frozen_base", None, skipped="too_slow")
    found = compare_macro_f1(
        targets, targets, [commonest, words, skipped], 2, seed=1, between=nothing
    )
    assert found is not None
    assert (found["baseline"], found["value"], found["verdict"]) == ("tf_idf", 1.0, "better")
    assert compare_macro_f1(targets, targets, [skipped], 2, seed=1, between=nothing) is None


def test_the_commonest_labels_are_as_many_as_give_the_best_f1() -> None:
    known = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]] * 5, dtype=np.uint8)
    by_size = {}
    for size in (1, 2, 3):
        called = np.zeros_like(known, dtype=np.int64)
        called[:, [0, 1, 2][:size]] = 1
        by_size[size] = judged(known.astype(np.int64), called).figures["micro_f1"]
    found = frequency(known, 2)
    assert found.called is not None
    assert found.called.tolist() == [[1, 1, 0]] * 2
    assert max(by_size, key=lambda size: by_size[size]) == 2


def test_figures_of_sets_follow_from_their_rows() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 0]])
    called = np.array([[1, 0], [0, 1], [0, 0]])
    found = judged(truth, called)
    assert found.figures["micro_f1"] == pytest.approx(2 * 2 / (3 + 2))
    assert found.figures["subset_accuracy"] == pytest.approx(2 / 3)
    assert micro_f1(found.sums.sum(axis=0, keepdims=True))[0] == found.figures["micro_f1"]


def test_a_word_gets_the_tag_it_had_most_often() -> None:
    # pieces 7 8 are one word; 1 and 2 begin and end a row
    tagged = ((1, 5, 7, 8, 2), (IGNORED, 0, 1, IGNORED, IGNORED))
    other = ((1, 7, 8, 5, 2), (IGNORED, 2, IGNORED, 0, IGNORED))
    train = EncodedSplit((tagged[0], tagged[0], other[0]), (tagged[1], tagged[1], other[1]))
    asked = EncodedSplit(((1, 7, 8, 9, 7, 2),), ((IGNORED, 0, IGNORED, 0, 0, IGNORED),))
    found = word_tag(train, asked)
    assert found.called is not None
    # 7 8 is known, 9 and a lone 7 are not
    assert found.called.tolist() == [0, 1, 0, 0, 0, 0]


def test_tf_idf_learns_label_sets_and_numbers() -> None:
    texts = ["good food", "good price", "bad food", "bad price"] * 10
    sets = [[1, 1], [1, 0], [0, 1], [0, 0]] * 10
    labels = fit_tfidf(texts, sets, 2, goal=LABELS, seconds=5, between=nothing)
    assert labels is not None
    assert (labels.logits(texts[:4], nothing) > 0).int().tolist() == sets[:4]
    numbers = fit_tfidf(
        texts, [1.0, 1.0, -1.0, -1.0] * 10, 1, goal=NUMBER, seconds=5, between=nothing
    )
    assert numbers is not None
    found = numbers.logits(texts[:4], nothing)[:, 0]
    assert torch.allclose(found, torch.tensor([1.0, 1.0, -1.0, -1.0]), atol=0.15)
