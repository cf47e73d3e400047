"""JSONL and JSON arrays of objects, one object at a time."""

import codecs
import json
from collections.abc import Iterator
from json.decoder import JSONDecodeError
from typing import Any, BinaryIO, Final, NoReturn

from anneal.kernel.json_checks import has_lone_surrogate, has_nul, too_deep
from tenants.datasets.errors import (
    JsonMalformed,
    JsonNotObjects,
    JsonTooDeep,
    LoneSurrogate,
    NulCharacter,
    RecordTooLarge,
    UnsupportedEncoding,
)
from tenants.datasets.limits import Limits
from tenants.datasets.reading.source import BOM, Lines

_BLOCK: Final = 64 * 1024
_SPACE: Final = " \t\r\n"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON: write null or a number.")


_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def json_object(text: str, row: int) -> dict[str, Any]:
    """Parse one line as one object, or refuse it with its row."""
    try:
        value = _decoder.decode(text)
    except RecursionError as fault:
        raise JsonTooDeep(row=row) from fault
    except ValueError as fault:
        raise JsonMalformed(_advice(fault), row=row) from fault
    return _checked(value, text, row)


def jsonl_rows(source: BinaryIO, limits: Limits) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSONL file; blank lines are skipped."""
    lines = Lines(source, limits)
    for line in lines:
        if not line.isspace():
            yield lines.row, json_object(line, lines.row)
        lines.row += 1


def json_array_rows(source: BinaryIO, limits: Limits) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (item number from 1, object) of a JSON array, holding one item at a time."""
    buffer = _Buffer(source, limits)
    buffer.expect("[")
    if buffer.peek() == "]":
        buffer.end()
        return
    row = 0
    while True:
        row += 1
        buffer.row = row
        if buffer.peek() != "{":
            raise JsonNotObjects(row=row) if buffer.peek() else JsonMalformed(_CUT, row=row)
        yield row, buffer.item()
        mark = buffer.peek()
        if mark == "]":
            buffer.end()
            return
        if mark != ",":
            raise JsonMalformed(_CUT if not mark else "A comma is missing here.", row=row)
        buffer.expect(",")


_CUT: Final = "The JSON array is cut off: its closing ']' is missing."


class _Buffer:
    """The decoded text not yet consumed. It grows only while one item does not fit."""

    def __init__(self, source: BinaryIO, limits: Limits) -> None:
        self._source, self._limit = source, limits.record_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._text, self._at, self._ended, self._started = "", 0, False, False
        self.row = 1

    def peek(self) -> str:
        """Return the next character that is not white space, '' at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill(_BLOCK):
                return ""

    def expect(self, mark: str) -> None:
        """Step over ``mark``, which has to come next."""
        if self.peek() != mark:
            raise JsonMalformed(row=self.row)
        self._at += 1

    def item(self) -> dict[str, Any]:
        """Parse the object that starts here; read on, twice as much each time, while it is cut."""
        size = _BLOCK
        while True:
            try:
                value, end = _decoder.raw_decode(self._text, self._at)
            except RecursionError as fault:
                raise JsonTooDeep(row=self.row) from fault
            except ValueError as fault:
                if not isinstance(fault, JSONDecodeError):
                    raise JsonMalformed(_advice(fault), row=self.row) from fault
                if len(self._text) - self._at > self._limit:
                    raise RecordTooLarge(row=self.row) from fault
                if not self._fill(size):
                    raise JsonMalformed(_advice(fault), row=self.row) from fault
                size *= 2
                continue
            start, self._at = self._at, end
            return _checked(value, self._text[start:end], self.row)

    def end(self) -> None:
        """Step over the closing bracket; nothing may follow it."""
        self._at += 1
        if self.peek():
            raise JsonMalformed("Something follows the closing ']' of the array.", row=self.row)

    def _fill(self, size: int) -> bool:
        if self._ended:
            return False
        raw = self._source.read(size)
        if b"\0" in raw:
            raise NulCharacter(row=self.row)
        if not self._started:
            raw, self._started = raw.removeprefix(BOM), True
        self._ended = not raw
        try:
            more = self._decoder.decode(raw, final=self._ended)
        except UnicodeDecodeError as fault:
            raise UnsupportedEncoding(row=self.row) from fault
        self._text, self._at = self._text[self._at :] + more, 0
        return not self._ended


def _checked(value: Any, text: str, row: int) -> dict[str, Any]:
    """Refuse what is no object, and escapes that name what cannot be stored."""
    if not isinstance(value, dict):
        raise JsonNotObjects(row=row)
    if too_deep(value, text):
        raise JsonTooDeep(row=row)
    if "\\u" in text:
        if has_nul(value):
            raise NulCharacter(row=row)
        if has_lone_surrogate(value):
            raise LoneSurrogate(row=row)
    return value


def _advice(fault: ValueError) -> str:
    if isinstance(fault, JSONDecodeError):
        return f"This is not valid JSON: {fault.msg} at character {fault.pos + 1}."
    if "is not JSON" in str(fault):
        return str(fault)
    return "A number in this row has too many digits."
