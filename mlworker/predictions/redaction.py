"""Hiding what a text tells of people, before anything of it is written.

Each look goes over the text once and steps back by a bounded number of characters only, so the time
is proportional to the text, whatever it is. It hides too much rather than too little: it knows no
names, and a row of digits is hidden also where it was an order's number.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

from mlworker.serving.patterns import ALONE, WORDS

OWN_MARK: Final = "[hidden]"

_LOCAL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~\u2019-]")
_DOMAIN: Final = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_HOST: Final = re.compile(rf"[^\W{ALONE}](?:[^\W{ALONE}]|-){{0,62}}")
"""A domain without a dot. Where words are not set apart, `@` names who is meant, and no place."""
_ALONE: Final = re.compile(f"[{ALONE}]")
_LOCAL_LENGTH: Final = 64
_AT: Final = re.compile("[@\uff20\ufe6b]")

_GAP: Final = (
    r"[\s.()/_|\u00b7\u2010-\u2015\u2022\u2212\u30fb\uff08\uff09\uff0d-\uff0f\uff3f\uff5c-]{0,3}"
)
_RUN: Final = re.compile(rf"(?:\+|\uff0b)?\(?\d(?:{_GAP}\d)*")
_GROUP: Final = re.compile(r"\d+")
_DATE: Final = re.compile(
    r"(?:(?:19|20)\d\d-(?:0\d|1[0-2])-[0-3]\d|[0-3]?\d[./](?:0?\d|1[0-2])[./](?:19|20)\d\d)(?!\d)"
)
_CARD: Final = range(13, 20)
_PHONE: Final = range(7, 16)
_LONG_RUN: Final = 7
"""Digits in one piece that are hidden."""
_LONG_GROUPS: Final = 9
"""Digits in groups that are hidden; shorter ones are amounts and ratings."""

_OWN_PARTS: Final = re.compile(rf"[{ALONE}]|(?:[^\W{ALONE}]|[#*])+")

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A text with marks in place of what is hidden."""

    text: str
    spans: tuple[Span, ...]
    """What was hidden, by its place in the given text, with its mark."""

    def place(self, offset: int, *, end: bool = False) -> int:
        """Return where a character of the given text is now: within a mark, its begin or ``end``.

        ``end`` takes the offset behind the last character of something.
        """
        last = offset - 1 if end else offset
        number = bisect_right(self.spans, last, key=lambda span: span[0])
        if not number:
            return offset
        moved = sum(len(mark) - (stop - start) for start, stop, mark in self.spans[: number - 1])
        start, stop, mark = self.spans[number - 1]
        if last < stop:
            return start + moved + (len(mark) if end else 0)
        return offset + moved + len(mark) - (stop - start)


def hide(text: str, kinds: Collection[str], words: Sequence[str] = ()) -> Hidden:
    """Return ``text`` with marks for what is of these kinds and what the own ``words`` name."""
    spans = _found(text, kinds, words)
    seen, places = _without_unseen(text)
    if places:
        again = _found(seen, kinds, [_without_unseen(word)[0] for word in words])
        spans += [(places[start], places[stop - 1] + 1, mark) for start, stop, mark in again]
    if not spans:
        return Hidden(text, ())
    found = tuple(_apart(spans))
    parts, done = [], 0
    for start, stop, mark in found:
        parts += [text[done:start], mark]
        done = stop
    return Hidden("".join([*parts, text[done:]]), found)


def word_fits(word: str) -> bool:
    """Say whether an own word names something that can be found."""
    return bool(_own_read(word))


def _found(text: str, kinds: Collection[str], words: Sequence[str]) -> list[Span]:
    spans: list[Span] = []
    if "email" in kinds:
        spans += _emails(text)
    if numbers := frozenset(kinds) - {"email"}:
        spans += _numbers(text, numbers)
    if words:
        spans += _own(text, tuple(words))
    return spans


def _without_unseen(text: str) -> tuple[str, Sequence[int]]:
    """Return a text without characters of no width, and where each of the rest stood, if any goes.

    A joiner or a mark of direction within a number is seen by nobody, and would part it.
    """
    if text.isascii():
        return text, ()
    places = [at for at, letter in enumerate(text) if category(letter) != "Cf"]
    if len(places) == len(text):
        return text, ()
    return "".join([text[at] for at in places]), places


def _apart(spans: list[Span]) -> Iterator[Span]:
    """Yield spans in order, those that overlap as one, under the mark of the longest first."""
    spans.sort(key=lambda span: (span[0], -span[1]))
    last: Span | None = None
    for span in spans:
        if last is not None and span[0] < last[1]:
            last = (last[0], max(last[1], span[1]), last[2])
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _emails(text: str) -> Iterator[Span]:
    for found in _AT.finditer(text):
        at = start = found.start()
        while start and at - start < _LOCAL_LENGTH and _LOCAL.match(text[start - 1]):
            start -= 1
        domain = _DOMAIN.match(text, at + 1)
        if start == at and domain is not None:
            start = _quoted(text, at)
        elif domain is None and not _ALONE.match(text[at - 1 : at]):
            domain = _HOST.match(text, at + 1)
        if start < at and domain is not None:
            yield start, domain.end(), "[email]"


def _quoted(text: str, at: int) -> int:
    """Return where the name in quotation marks begins that ends before ``at``; ``at`` if none."""
    if text[at - 1 : at] != '"':
        return at
    for start in range(at - 2, max(-1, at - 2 - _LOCAL_LENGTH), -1):
        if text[start] == '"' and text[start - 1 : start] != "\\":
            return start
    return at


def _numbers(text: str, kinds: Collection[str]) -> Iterator[Span]:
    for run in _RUN.finditer(text):
        start, stop = run.span()
        while date := _DATE.match(text, start, stop):  # a day tells of nobody
            rest = _GROUP.search(text, date.end(), stop)
            if rest is None:
                break
            start = rest.start()
        else:
            groups = [found.span() for found in _GROUP.finditer(text, start, stop)]
            yield from _in_run(text, start, groups, kinds)


def _in_run(
    text: str, start: int, groups: list[tuple[int, int]], kinds: Collection[str]
) -> Iterator[Span]:
    """Yield what a run of groups of digits holds: cards, or else all of it where it is long."""
    if "card" in kinds:
        yield from _cards(text, groups)
    digits = sum(stop - begin for begin, stop in groups)
    stop = groups[-1][1]
    longest = max(end - begin for begin, end in groups)
    long = longest >= _LONG_RUN or (digits >= _LONG_GROUPS and digits >= 2 * len(groups))
    if "phone" in kinds and digits in _PHONE and _dialled(text, start, groups, digits):
        yield start, stop, "[phone]"
    elif "number" in kinds and long:
        yield start, stop, "[number]"


def _dialled(text: str, start: int, groups: list[tuple[int, int]], digits: int) -> bool:
    """Say whether digits are written as numbers to dial are."""
    first = text[start]
    if first in "+\uff0b":
        return True
    plain = [int(text[at]) for begin, end in groups for at in range(begin, min(end, begin + 2))]
    several = len(groups) > 1
    if plain[0] == 0 or first == "(":
        return digits >= _LONG_GROUPS and digits >= 2 * len(groups)
    mobile = digits == 11 and plain[0] == 1  # written in one piece in China
    return mobile or (several and digits in (10, 11) and digits >= 3 * len(groups))


def _cards(text: str, groups: list[tuple[int, int]]) -> Iterator[Span]:
    """Yield the groups that together are a card's number by its check digit."""
    first = 0
    while first < len(groups):
        digits, found = "", 0
        for last in range(first, len(groups)):
            digits += text[slice(*groups[last])]
            if len(digits) > _CARD[-1]:
                break
            if len(digits) in _CARD and _luhn(digits):
                found = last + 1
        if found:
            yield groups[first][0], groups[found - 1][1], "[card]"
        first = found or first + 1


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) << (place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of an own pattern: letters, `#` for a digit, one `*` at most for any rest."""

    head: str
    tail: str = ""
    open: bool = False

    def fits(self, word: str) -> bool:
        rest = len(word) - len(self.head) - len(self.tail)
        if rest < 0 or (rest and not self.open) or not _same(self.head, word):
            return False
        return not self.tail or _same(self.tail, word[-len(self.tail) :])


def _same(pattern: str, word: str) -> bool:
    """Say whether a word begins as the pattern says."""
    if "#" not in pattern:
        return word.startswith(pattern)
    return all(
        letter.isdigit() if mark == "#" else mark == letter
        for mark, letter in zip(pattern, word, strict=False)
    )


def _own(text: str, given: tuple[str, ...]) -> Iterator[Span]:
    places = [found.span() for found in WORDS.finditer(text)]
    words = [_folded(text[start:stop]) for start, stop in places]
    patterns = sorted(filter(None, map(_own_read, given)), key=len, reverse=True)
    begun = {word: [each for each in patterns if each[0].fits(word)] for word in set(words)}
    for at, word in enumerate(words):
        for pattern in begun[word]:  # the longest first
            stop = at + len(pattern)
            if stop <= len(words) and all(
                part.fits(words[at + place]) for place, part in enumerate(pattern)
            ):
                yield places[at][0], places[stop - 1][1], OWN_MARK
                break


@lru_cache(maxsize=4_096)
def _own_read(pattern: str) -> tuple[_Word, ...]:
    """Return a pattern's words; none where it names nothing."""
    read = []
    for part in _OWN_PARTS.findall(pattern):
        head, star, tail = _folded(part).partition("*")
        if "*" in tail:
            return ()
        read.append(_Word(head, tail, open=bool(star)))
    return tuple(read) if any(word.head or word.tail for word in read) else ()


def _folded(word: str) -> str:
    return word.lower() if word.isascii() else normalize("NFKC", word).casefold()
