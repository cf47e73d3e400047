"""Weights are kept by the loss of softened scores."""

import pytest
import torch

from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.tasks import task_named
from mlworker.engine.training.choice import softened

LABELS = ("bad", "good")


def _split(*targets: int | float | list[int]) -> EncodedSplit:
    return EncodedSplit(tuple((1, 2) for _ in targets), targets)


def _two(sure: float, right: int, wrong: int) -> tuple[torch.Tensor, EncodedSplit]:
    """Logits that are alike sure of `right` rows and of `wrong` ones."""
    logits = torch.tensor([[sure, 0.0]]).repeat(right + wrong, 1)
    return logits, _split(*[0] * right, *[1] * wrong)


def test_being_right_more_often_beats_being_less_sure() -> None:
    task = task_named("text_classification")
    early, late = _two(1.0, 75, 25), _two(6.0, 80, 20)
    plain = [float(task.loss(x, torch.tensor(y.targets), None, 0.0)) for x, y in (early, late)]
    assert plain[0] < plain[1]
    assert softened(task, *late)[0] < softened(task, *early)[0]


def test_scores_are_softened_to_the_share_of_right_answers() -> None:
    logits, split = _two(6.0, 80, 20)
    _, share = softened(task_named("text_classification"), logits, split)
    assert float((logits[0] * share).softmax(0)[0]) == pytest.approx(0.8, abs=0.02)


def test_certainty_is_never_added() -> None:
    assert softened(task_named("text_classification"), *_two(1.0, 10, 0))[1] == 1.0


def test_numbers_and_label_sets_have_shares_of_their_own_kind() -> None:
    numbers = task_named("regression").fitted((0.0, 1.0, 2.0), ())
    _, share = softened(numbers, torch.tensor([[9.0], [9.0]]), _split(0.0, 1.0))
    assert share == 1.0
    sets = task_named("multi_label_classification")
    _, share = softened(
        sets, torch.tensor([[8.0, -8.0]] * 4), _split([1, 0], [1, 0], [0, 1], [1, 0])
    )
    assert share < 0.2 + 0.01
