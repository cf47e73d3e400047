"""Patterns of rules: words in a row, with `*` for whatever may stand between.

A text becomes its words, each between two spaces; a pattern's pieces are looked for one after the
other in that. So a match takes time proportional to the text, whatever the pattern is.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2190-\u2bff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029"
    "\u3041-\u30fa\u30fc-\ud7af\uf900-\ufaff\U0001f000-\U0003ffff"
)
"""Scripts that write without spaces, and signs such as emoji: each character is a word."""
WORDS: Final = re.compile(rf"[{ALONE}]|[^\W{ALONE}]+")
_PARTS: Final = re.compile(rf"\*|[{ALONE}]|[^\W{ALONE}]+")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What is looked for, in this order."""

    pieces: tuple[str, ...]

    def found(self, words: str) -> bool:
        """Say whether a text matches, given by `words_of`."""
        place = 0
        for piece in self.pieces:
            at = words.find(piece, place)
            if at < 0:
                return False
            place = at + len(piece)
            if piece[-1] == " ":  # it is the next piece's first, too
                place -= 1
        return True


def words_of(text: str) -> str:
    """Return a text's words as patterns look at it: case, width and punctuation do not matter."""
    return f" {' '.join(WORDS.findall(_plain(text)))} "


def pattern_read(text: str) -> Pattern | None:
    """Return the pattern that ``text`` stands for; None when it names no word."""
    pieces: list[str] = []
    piece, end, starred = "", -1, False
    for part in _PARTS.finditer(_plain(text)):
        joined = part.start() == end
        end = part.end()
        if part[0] == "*":
            if piece:
                pieces.append(piece if joined else f"{piece} ")
            piece, starred = "", True
        else:
            piece += part[0] if starred and joined and not piece else f" {part[0]}"
            starred = False
    if piece:
        pieces.append(f"{piece} ")
    return Pattern(tuple(pieces)) if pieces else None


def _plain(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
