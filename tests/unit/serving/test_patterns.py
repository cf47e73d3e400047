"""Patterns of rules: what they match, and that no text makes them slow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlworker.serving.patterns import pattern_read, words_of


def found(pattern: str, text: str) -> bool:
    read = pattern_read(pattern)
    assert read is not None
    return read.found(words_of(text))


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("refund", "I want a REFUND!", True),
        ("refund", "refunding is slow", False),
        ("refund*", "refunding is slow", True),
        ("*bank", "my databank", True),
        ("*bank", "banks", False),
        ("cat", "the category", False),
        ("money back", "my money, back!", True),
        ("money back", "money never came back", False),
        ("money * back", "money never came back", True),
        ("money * back", "money back", True),
        ("money * back", "back with the money", False),
        ("money*back", "moneyback", True),
        ("a * a", "a", False),
        ("a * a", "a a", True),
        ("re*nd now", "refund now", True),
        ("退款", "这个退款太慢", True),
        ("退款", "退还款项", False),
        ("退*款", "退还款项", True),
        ("ＦＵＬＬ", "full width", True),
        ("straße", "STRASSE", True),
        ("😡", "so bad 😡😡", True),
        ("c3po", "C3PO.", True),
        ("don't", "I don't know", True),
        ("*refund*", "nonrefundable", True),
        ("refund", "", False),
    ],
)
def test_a_pattern_matches_words(pattern: str, text: str, matches: bool) -> None:
    assert found(pattern, text) == matches


@pytest.mark.parametrize("pattern", ["", "*", " * * ", "!!!", "。"])
def test_a_pattern_without_a_word_is_none(pattern: str) -> None:
    assert pattern_read(pattern) is None


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_texts_own_words_are_found_in_it(before: str, words: str, after: str) -> None:
    text = f"{before} {words} {after}"
    read = pattern_read(words.replace("*", " "))

    assert read is None or read.found(words_of(text))


def test_no_text_makes_a_pattern_slow() -> None:
    """With a regular expression that tries everything this would not end in a lifetime."""
    pattern = " * ".join(["a"] * 60) + " * b"

    assert not found(pattern, "a " * 200_000)
    assert not found("*".join(["a"] * 60) + "*b", "a" * 200_000)
