"""Label errors, temperature and thresholds on figures worked out by hand."""

import numpy as np
import pytest

from mlworker.engine.study.calibrate import (
    best_thresholds,
    fit_temperature,
    log_loss,
    softmax,
)
from mlworker.engine.study.confident import label_errors

# Labels 0 0 0 1 1 1. Thresholds by hand: (0.9 + 0.8 + 0.2) / 3 = 0.6333 for 0 and
# (0.9 + 0.7 + 0.4) / 3 = 0.6667 for 1.
TARGETS = np.array([0, 0, 0, 1, 1, 1])
SHARES = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7], [0.6, 0.4]])


def test_only_confident_disagreement_is_an_error() -> None:
    """Row 2 has 0.8 for label 1, above 0.6667. Row 5 stays: 0.6 for label 0 is below 0.6333."""
    found = label_errors(TARGETS, SHARES)
    assert found.rows.tolist() == [2]
    assert found.suggested.tolist() == [1]
    assert found.scores.tolist() == [pytest.approx((0.2 - 0.8 + 1) / 2)]


def test_the_likeliest_come_first() -> None:
    shares = SHARES.copy()
    shares[5] = [0.95, 0.05]
    found = label_errors(TARGETS, shares)
    assert found.rows.tolist() == [5, 2]
    assert found.scores.tolist() == sorted(found.scores.tolist())


def test_a_label_without_rows_is_never_suggested() -> None:
    shares = np.array([[0.1, 0.2, 0.7], [0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.7, 0.1, 0.2]])
    found = label_errors(np.array([0, 0, 1, 1]), shares)
    assert 2 not in found.suggested.tolist()


def test_labels_as_the_model_has_them_are_no_errors() -> None:
    found = label_errors(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert found.rows.size == 0


def test_the_temperature_that_made_the_logits_is_found() -> None:
    generator = np.random.default_rng(0)
    honest = generator.normal(size=(20_000, 3)) * 2
    shares = softmax(honest)
    drawn = (shares.cumsum(axis=1) > generator.random((20_000, 1))).argmax(axis=1)
    assert fit_temperature(honest * 2.5, drawn) == pytest.approx(2.5, rel=0.05)
    assert log_loss(honest * 2.5, drawn, 2.5) < log_loss(honest * 2.5, drawn)


def test_thresholds_are_the_best_f1_by_hand() -> None:
    """Label 0 at 0.6: called are rows 0, 1, 5, two of them right, of three: F1 = 2/3; at 0.2: five
    called, three right: F1 = 2 * 3 / (5 + 3) = 0.75 after 0.3 took in 2 of 4.
    """
    cuts = best_thresholds(SHARES, TARGETS)
    assert cuts[0] is not None
    tried = {
        0.9: 2 * 1 / (1 + 3),
        0.8: 2 * 2 / (2 + 3),
        0.6: 2 * 2 / (3 + 3),
        0.3: 2 * 2 / (4 + 3),
        0.2: 2 * 3 / (5 + 3),
        0.1: 2 * 3 / (6 + 3),
    }
    best = max(tried, key=tried.__getitem__)
    assert cuts[0]["threshold"] == best
    assert cuts[0]["f1"] == pytest.approx(tried[best])


def test_a_label_without_rows_has_no_threshold() -> None:
    cuts = best_thresholds(np.full((2, 2), 0.5), np.array([0, 0]))
    assert cuts[0] == {"threshold": 0.5, "f1": 1.0, "precision": 1.0, "recall": 1.0}
    assert cuts[1] is None
