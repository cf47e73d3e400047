"""What two models say of one row."""

import pytest

from mlworker.engine.tasks.base import Source
from mlworker.engine.tokenizer import EncodedText
from mlworker.serving.gateway.comparing import Said, row_compare
from mlworker.serving.tallying import Tally

LABELS = ("a", "b", "c")


def compared(task: str, before: Said, after: Said) -> Tally:
    tally = Tally()
    row_compare(tally, task, before, after)
    assert tally.compared == 1
    return tally


def test_one_label_is_compared_by_name() -> None:
    same = compared(
        "text_classification", Said([0.2, 0.7, 0.1], LABELS), Said([0.6, 0.4], ("b", "d"))
    )
    other = compared(
        "text_classification", Said([0.2, 0.7, 0.1], LABELS), Said([0.4, 0.6], ("b", "d"))
    )

    assert (same.judged, same.agreed, same.changes) == (1, 1, {})
    assert same.difference == pytest.approx(-0.1)
    assert same.difference_absolute == pytest.approx(0.1)
    assert (other.agreed, other.changes) == (0, {("b", "d"): 1})


def test_several_labels_agree_as_a_set_and_say_what_came_and_went() -> None:
    before = Said([0.9, 0.1, 0.8], LABELS)

    found = compared("multi_label_classification", before, Said([0.9, 0.6, 0.2], LABELS))
    same = compared("multi_label_classification", before, Said([0.8, 0.9], ("c", "a")))

    assert found.agreed == 0
    assert found.changes == {("c", None): 1, (None, "b"): 1}
    assert found.difference == pytest.approx((0 + 0.5 - 0.6) / 3)
    assert same.agreed == 1


def test_numbers_differ_and_do_not_agree() -> None:
    found = compared("regression", Said([3.0], ("value",)), Said([2.5], ("value",)))

    assert (found.judged, found.difference, found.difference_absolute) == (0, -0.5, 0.5)


def test_what_is_no_number_spoils_no_sum() -> None:
    found = compared("regression", Said([3.0], ("value",)), Said([float("nan")], ("value",)))

    assert (found.difference, found.difference_absolute) == (0.0, 0.0)


def test_spans_agree_when_place_and_label_do() -> None:
    encoded = EncodedText(
        [101, 5, 6, 102], False, [(0, 0), (0, 3), (4, 10), (0, 0)], [None, 0, 1, None]
    )
    source = Source("Ada Berlin", encoded)
    tags = ("O", "B-per", "I-per", "B-loc", "I-loc")
    before = Said([0, 1, 1, 0.9, 3, 0.9, 0, 1], tags, source)
    moved = Said([0, 1, 1, 0.9, 0, 0.7, 0, 1], tags, source)

    assert compared("token_classification", before, before).agreed == 1
    found = compared("token_classification", before, moved)
    assert (found.agreed, found.changes) == (0, {("loc", None): 1})
