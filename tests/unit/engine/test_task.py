"""Text classification's figures and answers, and the batches it is trained in."""

import math

import pytest

from mlworker.engine.contracts import (
    EngineError,
    MetricMessage,
    encode_message,
    parse_command,
    parse_message,
)
from mlworker.engine.data.batches import epoch_batches, micro_batches
from mlworker.engine.evaluation.names import DENSE_LABELS
from mlworker.engine.tasks import TASKS, task_named

TASK = task_named("text_classification")


def test_metrics_of_a_known_case() -> None:
    # calls: a a b b c against targets a b b b a
    probabilities = [
        [0.8, 0.1, 0.1],
        [0.6, 0.3, 0.1],
        [0.1, 0.8, 0.1],
        [0.2, 0.7, 0.1],
        [0.1, 0.2, 0.7],
    ]
    found = TASK.metrics(probabilities, [0, 1, 1, 1, 0], ("a", "b", "c"))

    assert found["confusion"] == [[1, 0, 1], [1, 2, 0], [0, 0, 0]]
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["per_class"]["b"] == pytest.approx(
        {"precision": 1.0, "recall": 2 / 3, "f1": 0.8, "support": 3}
    )
    assert found["per_class"]["c"]["f1"] == 0.0
    assert found["macro_f1"] == pytest.approx((0.5 + 0.8) / 2)
    expected = -sum(map(math.log, (0.8, 0.3, 0.8, 0.7, 0.1))) / 5
    assert found["loss"] == pytest.approx(expected)


def test_metrics_of_many_labels_leave_the_matrix_to_the_report() -> None:
    size = DENSE_LABELS + 1
    labels = tuple(str(number) for number in range(size))
    found = TASK.metrics([[1.0] + [0.0] * (size - 1)], [0], labels)
    assert found["confusion"] is None
    assert found["accuracy"] == 1.0


def test_metrics_of_no_rows_are_zero() -> None:
    assert TASK.metrics([], [], ("a", "b"))["accuracy"] == 0.0


def test_a_prediction_ranks_its_labels() -> None:
    answer = TASK.prediction([0.2, 0.5, 0.3], ("a", "b", "c"), top_k=2)
    assert (answer["label"], answer["score"]) == ("b", 0.5)
    assert list(answer["scores"].items()) == [("b", 0.5), ("c", 0.3)]


@pytest.mark.parametrize(("threshold", "label"), [(0.5, "b"), (0.51, None)])
def test_below_the_threshold_there_is_no_label(threshold: float, label: str | None) -> None:
    assert TASK.prediction([0.5, 0.5 - 1e-9], ("b", "c"), threshold=threshold)["label"] == label


def test_every_task_says_what_it_needs() -> None:
    assert "text_classification" in TASKS
    assert all(task.columns and task.widget and task.primary_metric for task in TASKS.values())


def test_an_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(EngineError, match="text_classification"):
        task_named("mind_reading")


def test_an_epoch_reads_every_row_once_under_the_budget() -> None:
    lengths = [5 + number % 40 for number in range(300)]
    batches = epoch_batches(lengths, token_budget=200, seed=3, epoch=0)
    assert sorted(index for batch in batches for index in batch) == list(range(300))
    assert all(sum(lengths[index] for index in batch) <= 200 for batch in batches)


def test_epochs_differ_and_repeat_by_seed() -> None:
    lengths = [5 + number % 40 for number in range(300)]
    first, again, next_epoch, other_seed = (
        epoch_batches(lengths, token_budget=200, seed=seed, epoch=epoch)
        for seed, epoch in ((3, 0), (3, 0), (3, 1), (4, 0))
    )
    assert first == again
    assert first != next_epoch
    assert first != other_seed


def test_batches_waste_little_on_padding() -> None:
    lengths = [5 + (number * 37) % 60 for number in range(1_000)]
    batches = epoch_batches(lengths, token_budget=900, seed=0, epoch=0)
    padded = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
    assert padded / sum(lengths) < 1.15


def test_a_row_longer_than_the_budget_is_alone() -> None:
    assert micro_batches([0, 1, 2], [10, 500, 10], 64) == [[0], [1], [2]]


def test_messages_survive_the_pipe_and_nan_becomes_null() -> None:
    sent = MetricMessage(1, 2, 0.5, math.nan, 1e-3, 10, 3.0, 1.0)
    line = encode_message(sent)
    assert '"train_loss":null' in line
    assert parse_message(line).step == 1


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"type":"stop"}', "\x00", '{"type":"threads"}'])
def test_nonsense_is_no_command(line: str) -> None:
    with pytest.raises(ValueError):
        parse_command(line)
