"""Spans of a text and the BIO tags of its words, both ways. No torch, no numpy.

Tags are indices: 0 is O, then B and I of each label in turn. A span holds character offsets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mlworker.engine.tokenizer import EncodedText

OUTSIDE: Final = 0


class Span(NamedTuple):
    """Part of a text, or of a list of words, and its label's place."""

    start: int
    end: int
    label: int


class Word(NamedTuple):
    """A word as the tokenizer cuts it: the token it begins with, and its characters."""

    token: int
    start: int
    end: int


def tags_of(labels: Sequence[str]) -> tuple[str, ...]:
    """Names of the tags for these labels: O, B-x, I-x ..."""
    return ("O", *(f"{mark}-{label}" for label in labels for mark in "BI"))


def labels_of(tags: Sequence[str]) -> tuple[str, ...]:
    """The labels behind `tags_of`."""
    return tuple(tag[2:] for tag in tags[1::2])


def words_of(encoded: EncodedText) -> Iterator[Word]:
    """The words that were read, in order; special tokens are none."""
    begun: Word | None = None
    number: int | None = None
    for token, (word, (start, end)) in enumerate(zip(encoded.words, encoded.spans, strict=True)):
        if word is None:
            continue
        if word == number and begun is not None:
            begun = begun._replace(end=end)
            continue
        if begun is not None:
            yield begun
        begun, number = Word(token, start, end), word
    if begun is not None:
        yield begun


def tag_words(words: Sequence[Word], spans: Sequence[Span]) -> list[int]:
    """The tag of each word; a span takes every word it touches. Spans ascend and do not overlap."""
    tags = [OUTSIDE] * len(words)
    at = 0
    for span in spans:
        while at < len(words) and words[at].end <= span.start:
            at += 1
        first = True
        while at < len(words) and words[at].start < span.end:
            tags[at] = 1 + 2 * span.label + (0 if first else 1)
            first, at = False, at + 1
    return tags


def spans_of(tags: Sequence[int]) -> list[Span]:
    """Runs of words, as conlleval counts them: I-x that continues no x begins one."""
    found: list[Span] = []
    for place, tag in enumerate(tags):
        if tag == OUTSIDE:
            continue
        label, inside = divmod(tag - 1, 2)
        last = found[-1] if found else None
        if inside and last is not None and last.end == place and last.label == label:
            found[-1] = last._replace(end=place + 1)
        else:
            found.append(Span(place, place + 1, label))
    return found
