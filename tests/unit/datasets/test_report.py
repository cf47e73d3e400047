"""What the validation report says, and what is left out of a version."""

from collections import Counter
from dataclasses import replace

import pytest

from tenants.datasets.findings import tokens_estimate
from tenants.datasets.limits import DEFAULT
from tests.unit.datasets.helpers import built, codes, csv_of, good_rows, rows_of


def test_a_clean_file_has_an_empty_report() -> None:
    made = built(csv_of(good_rows(40)))
    assert made.report.as_dict() == {
        "errors": [],
        "warnings": [],
        "rows": 40,
        "labels": {"bad": 20, "good": 20},
        "duplicates": 0,
        "conflicts": 0,
        "empty": 0,
        "too_long": 0,
    }


def test_empty_cells_are_left_out_and_counted_with_their_first_row() -> None:
    rows = [*good_rows(40), ("", "good"), (" \t", "bad"), ("no label", ""), ("none", "  ")]
    made = built(csv_of(rows))
    assert codes(made) == {"empty_text": 2, "empty_label": 2}
    assert {line.code: line.row for line in made.report.warnings} == {
        "empty_text": 42,
        "empty_label": 44,
    }
    assert made.report.empty == 4
    assert len(rows_of(made)) == made.report.rows == 40


def test_a_repeated_row_is_left_out_and_a_contradicted_text_is_kept_and_counted() -> None:
    rows = [*good_rows(40), ("text number 0", "good"), ("text number 1", "good")]
    made = built(csv_of(rows))
    assert codes(made) == {"duplicate_rows": 1, "conflicting_labels": 1}
    assert (made.report.duplicates, made.report.conflicts, made.report.rows) == (1, 1, 41)


def test_white_space_and_control_characters_are_kept_in_texts_and_cut_from_labels() -> None:
    rows = [*good_rows(40), (" padded ", "good "), ("a\x07\x85b", "\u3000bad")]
    made = built(csv_of(rows))
    assert codes(made) == {
        "surrounding_whitespace": 1,
        "label_whitespace": 2,
        "control_characters": 1,
    }
    assert [(row["text"], row["label"]) for row in rows_of(made)[-2:]] == [
        (" padded ", "good"),
        ("a\x07\x85b", "bad"),
    ]


def test_long_texts_are_estimated_and_counted() -> None:
    rows = [*good_rows(40), ("word " * 450, "good"), ("很" * 513, "bad"), ("很" * 500, "bad")]
    assert codes(built(csv_of(rows))) == {"too_long": 2, "surrounding_whitespace": 1}


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a" * 400, 100), ("很" * 400, 400)])
def test_tokens_are_estimated_from_letters_and_bytes(text: str, tokens: int) -> None:
    assert tokens_estimate(len(text), len(text.encode())) == tokens


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (good_rows(9), "too_few_rows"),
        ([(f"text {n}", "same") for n in range(30)], "single_class"),
        ([(f"text {n}", f"label {n}") for n in range(30)], "too_many_labels"),
        ([(f"text {n}", "a" if n else "b") for n in range(30)], "classes_too_small"),
        ([("", "a")] * 12, "too_few_rows"),
    ],
)
def test_rows_that_cannot_be_trained_on_are_an_error_and_store_nothing(
    rows: list[tuple[str, str]], code: str
) -> None:
    made = built(csv_of(rows))
    assert [line.code for line in made.report.errors] == [code]
    assert made.parquet is None


def test_an_overlong_label_is_an_error_with_its_row() -> None:
    made = built(csv_of([*good_rows(40), ("text", "l" * 257)]))
    assert [(line.code, line.row) for line in made.report.errors] == [("label_too_long", 42)]


def test_labels_beyond_the_limit_are_an_error_with_a_short_report() -> None:
    limits = replace(DEFAULT, labels=30)
    made = built(csv_of([(f"t{n}", f"l{n % 31}") for n in range(310)]), limits=limits)
    assert "too_many_labels" in codes(made)
    assert len(made.report.labels) == 30


def test_small_lone_and_lopsided_classes_are_warned_of() -> None:
    rows = [
        *((f"many {n}", "many") for n in range(500)),
        *((f"few {n}", "few") for n in range(5)),
        ("alone", "lone"),
        *((f"other {n}", "Many") for n in range(20)),
    ]
    made = built(csv_of(rows))
    assert codes(made) == {"class_single_row": 1, "class_small": 1, "label_case": 2}
    lopsided = built(csv_of([*rows[:500], *((f"other {n}", "other") for n in range(20))]))
    assert codes(lopsided) == {"imbalanced": 1}


def test_statistics_tell_balance_and_lengths() -> None:
    made = built(csv_of([(f"{n:02} " + "x" * 30 * (n % 2), ("a", "b")[n % 2]) for n in range(40)]))
    stats = made.statistics
    assert {label: sum(parts.values()) for label, parts in stats["labels"].items()} == {
        "a": 20,
        "b": 20,
    }
    assert [(bin_["from"], bin_["count"]) for bin_ in stats["characters"]["bins"][:3]] == [
        (0, 20),
        (20, 20),
        (40, 0),
    ]
    assert stats["characters"]["max"] == 33
    total = Counter(row["split"] for row in rows_of(made))
    assert total == Counter(made.splits)
