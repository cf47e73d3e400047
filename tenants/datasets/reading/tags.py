"""What a BIO tag looks like, and a file of words with such tags."""

import re
from typing import Final

TAG: Final = re.compile(r"O|[BIESLU]-\S.*")
SKIPPED: Final = "-DOCSTART-"
"""A line that some corpora put between documents."""
_LEAST_LINES: Final = 3


def looks_conll(head: str, *, whole: bool) -> bool:
    """Say whether the lines of a file's beginning are words with tags. ``whole``: nothing more."""
    lines = head.split("\n")
    words = [line.split() for line in (lines if whole else lines[:-1]) if line.strip()]
    pairs = [pair for pair in words if pair[0] != SKIPPED]
    return len(pairs) >= _LEAST_LINES and all(
        len(pair) >= 2 and TAG.fullmatch(pair[-1]) for pair in pairs
    )
