"""Sentences of one word a line with its BIO tag, as CoNLL's shared tasks have them.

The word stands first, the tag last, white space between; an empty line ends a sentence. IOB1, IOB2
and BIOES are understood. A sentence becomes its words with single spaces, and its spans.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from tenants.datasets.errors import ConllMalformed, RecordTooLarge
from tenants.datasets.limits import Limits
from tenants.datasets.reading.source import Lines
from tenants.datasets.reading.tags import SKIPPED, TAG


def conll_rows(source: BinaryIO, limits: Limits) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line a sentence begins in, {"text", "entities"}). Raises ConllMalformed."""
    lines = Lines(source, limits)
    words: list[str] = []
    tags: list[str] = []
    first, size = 1, 0
    for line in lines:
        row = lines.row
        lines.row += 1
        parts = line.split()
        if not parts or parts[0] == SKIPPED:
            if words:
                yield first, tagged_row(words, tags)
            words, tags, size = [], [], 0
            continue
        if len(parts) < 2 or not TAG.fullmatch(parts[-1]):
            raise ConllMalformed(row=row)
        first = first if words else row
        words.append(parts[0])
        tags.append(parts[-1])
        size += len(line)
        if size > limits.record_bytes:
            raise RecordTooLarge(row=row)
    if words:
        yield first, tagged_row(words, tags)


def tagged_row(words: list[str], tags: list[str]) -> dict[str, Any]:
    """Join words by spaces; runs of one label become a span."""
    spans: list[list[Any]] = []
    at, open_label = 0, ""
    for word, tag in zip(words, tags, strict=True):
        mark, _, label = tag.partition("-")
        end = at + len(word)
        if mark in "BSU" and label:
            spans.append([at, end, label])
        elif mark in "IEL" and label:
            if open_label == label:
                spans[-1][1] = end
            else:
                spans.append([at, end, label])
        open_label = "" if mark in "OSUEL" else label
        at = end + 1
    return {"text": " ".join(words), "entities": spans}


def tag_valid(tag: object) -> bool:
    """Say whether a value is a BIO tag."""
    return isinstance(tag, str) and TAG.fullmatch(tag) is not None
