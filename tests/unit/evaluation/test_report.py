"""Reports: their size, their rows, what they say where something is missing."""

import io
import itertools
import json
import time
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor

from mlworker.engine.evaluation.baselines import Baseline, compare, majority, tf_idf
from mlworker.engine.evaluation.predictions import (
    predictions_read,
    predictions_table,
    predictions_write,
)
from mlworker.engine.evaluation.report import build_report
from mlworker.engine.evaluation.tfidf import TWO, fit_tfidf
from tests.unit.evaluation.factories import answers_of, nothing, subject_of

MEGABYTE = 1_000_000


def highest(logits: Tensor) -> npt.NDArray[np.int64]:
    return logits.argmax(dim=1).numpy()


def test_a_report_of_a_thousand_labels_stays_small() -> None:
    report = build_report(subject_of(5_000, 1_000), nothing)
    assert report["confusion"]["counts"] is None
    assert 0 < len(report["confusion"]["cells"]) <= 200
    assert len(report["per_class"]) == 1_000
    assert len(report["curves"]) == 20
    assert len(json.dumps(report)) < MEGABYTE


@pytest.mark.slow
def test_a_hundred_thousand_rows_take_seconds() -> None:
    subject = subject_of(100_000, 50)
    begun = time.monotonic()
    report = build_report(subject, nothing)
    assert time.monotonic() - begun < 30
    assert len(json.dumps(report)) < MEGABYTE


def test_the_confusion_matrix_counts_every_row() -> None:
    report = build_report(subject_of(300, 4), nothing)
    assert np.array(report["confusion"]["counts"]).sum() == 300
    assert report["errors"] == 300 - np.trace(np.array(report["confusion"]["counts"]))


def test_the_worst_errors_are_wrong_and_the_surest_come_first() -> None:
    report = build_report(subject_of(300, 4), nothing)
    worst = report["worst"]
    assert all(line["label"] != line["predicted"] for line in worst)
    assert [line["label_score"] for line in worst] == sorted(line["label_score"] for line in worst)
    assert all(line["label"] == line["predicted"] for line in report["best"])


def test_slices_hold_each_row_once_by_length() -> None:
    report = build_report(subject_of(400, 3), nothing)
    quarters = [line for line in report["slices"] if line["by"] == "length"]
    assert len(quarters) == 4
    assert sum(line["rows"] for line in quarters) == 400
    assert all(one["high"] < two["low"] for one, two in itertools.pairwise(quarters))


def test_without_a_test_split_it_says_that_it_was_chosen_on() -> None:
    assert build_report(subject_of(40, 2, split="validation"), nothing)["chosen_on"] is True
    assert build_report(subject_of(40, 2), nothing)["chosen_on"] is False


@pytest.mark.parametrize("labels", [2, 60])
def test_predictions_come_back_by_row_number(labels: int, tmp_path: Path) -> None:
    answers = answers_of(50, labels)
    predictions_write(predictions_table(answers), tmp_path / "p.parquet")
    table = predictions_read(io.BytesIO((tmp_path / "p.parquet").read_bytes()))
    assert table["row_id"].to_pylist() == list(range(50))
    assert table["predicted"].to_pylist() == answers.called.tolist()
    assert table["label_score"].to_pylist() == pytest.approx(answers.label_scores.tolist())


def test_tf_idf_learns_words_and_pairs_in_both_scripts() -> None:
    texts = ["not good at all", "good indeed", "很好看", "不好看", "really good", "so not good"] * 5
    targets = [0, 1, 1, 0, 1, 0] * 5
    found = tf_idf(
        list(zip(texts, targets, strict=True)),
        ["good", "not good", "不好", "很好"],
        2,
        goal=TWO,
        called=highest,
        seed=0,
        between=nothing,
    )
    assert found.called is not None
    assert found.called.tolist() == [1, 0, 0, 1]


def test_tf_idf_ends_when_its_time_is_over() -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in random.integers(0, 400, 30)) for _ in range(400)]
    targets = random.integers(0, 2, 400).tolist()
    found = fit_tfidf(texts, targets, 2, goal=TWO, seconds=0, between=nothing)
    assert found is not None
    assert not found.converged


def test_texts_without_words_have_no_tf_idf_and_are_answered_by_one_that_has() -> None:
    signs = [("!!!", 0), ("???", 1)]
    fit = partial(tf_idf, outputs=2, goal=TWO, called=highest, seed=0, between=nothing)
    assert fit(signs, ["!"]).skipped == "no_words"
    words = [("good", 1), ("bad", 0), ("bad", 0)]
    found = fit(words, ["!!!", "???"])
    assert found.called is not None
    assert found.called.tolist() == [0, 0]


def test_the_verdict_is_against_the_best_baseline() -> None:
    targets = np.array([0, 1] * 50)
    called = targets.copy()
    called[:5] = 1 - called[:5]
    weak = Baseline("tf_idf", np.where(np.arange(100) < 40, 1 - targets, targets))
    found = compare(targets, called, [majority([0, 0, 1], 100), weak])
    assert found is not None
    assert (found["baseline"], found["verdict"]) == ("tf_idf", "better")
    assert found["figure"] == "accuracy"
    assert (found["model_only"], found["baseline_only"]) == (35, 0)
    same = compare(targets, weak.called, [weak])
    assert same is not None
    assert (same["verdict"], same["p_value"]) == ("not_separable", 1.0)


def test_a_skipped_baseline_is_told_and_not_compared() -> None:
    targets = np.array([0, 1])
    skipped = Baseline("frozen_base", None, skipped="too_slow")
    assert compare(targets, targets, [skipped]) is None
    assert skipped.as_dict({})["skipped"] == "too_slow"
