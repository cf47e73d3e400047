"""The built-in review set: deterministic, balanced, learnable and not trivial."""

from collections import Counter

from tenants.datasets.samples import BAD, GOOD, sample_csv, sample_reviews
from tests.unit.datasets.helpers import built


def test_the_sample_is_the_same_each_time_and_has_no_finding() -> None:
    made = built(sample_csv())
    assert sample_csv() == sample_csv()
    assert made.report.warnings == made.report.errors == ()
    assert made.report.labels == {"negative": 300, "positive": 300}


def test_another_seed_and_size_give_other_rows() -> None:
    assert len(set(sample_reviews(1500, seed=1))) == 1500
    assert sample_reviews(50, seed=1) != sample_reviews(50, seed=2)


def test_counting_words_alone_does_not_solve_it() -> None:
    def naive(text: str) -> str:
        score = sum(word in text for word in GOOD) - sum(word in text for word in BAD)
        return "positive" if score > 0 else "negative"

    right = Counter(naive(text) == label for text, label in sample_reviews(600))
    assert 0.55 < right[True] / 600 < 0.9
