"""The bytes of an upload: which format they are, that they are UTF-8, and their lines.

Lines are cut from bytes and decoded one by one, so that a fault is told with the row it is in, and
a file that is one endless line is refused after ``record_bytes`` of it.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import BinaryIO, Final

from tenants.datasets.errors import (
    FileEmpty,
    NulCharacter,
    RecordTooLarge,
    UnsupportedEncoding,
    UnsupportedFormat,
)
from tenants.datasets.limits import Limits
from tenants.datasets.reading.tags import looks_conll

HEAD_BYTES: Final = 4096
BOM: Final = b"\xef\xbb\xbf"


class Format(StrEnum):
    """The formats that are read."""

    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    JSON = "json"
    CONLL = "conll"


_ENDINGS: Final = {
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
}
_CONLL: Final = (".conll", ".bio", ".iob", ".iob2", ".bioes")
_FOREIGN: Final = (
    (b"PK\x03\x04", "a spreadsheet or zip archive: save the sheet as 'CSV UTF-8'"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file: save the sheet as 'CSV UTF-8'"),
    (b"PAR1", "Parquet: export it as CSV or JSONL"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"%PDF", "a PDF: export its table as CSV"),
    (b"\x89PNG", "an image: send a table of texts"),
    (b"\x80\x04", "a Python pickle, which is never read: export it as CSV"),
)
_WIDE_BOMS: Final = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


def format_find(filename: str, head: bytes) -> Format:
    """Tell the format from the name's ending, else from the first bytes; refuse foreign ones."""
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise UnsupportedFormat(f"The file is {what}.")
    _refuse_wide(head)
    body = head.removeprefix(BOM).lstrip()
    if filename.lower().endswith(_CONLL):
        return Format.CONLL
    if not filename.lower().endswith((".csv", ".jsonl", ".ndjson", ".json")) and looks_conll(
        head.removeprefix(BOM).decode("utf-8", "ignore"), whole=len(head) < HEAD_BYTES
    ):
        return Format.CONLL
    for ending, found in _ENDINGS.items():
        if filename.lower().endswith(ending):
            return Format.JSON if found is Format.JSONL and body.startswith(b"[") else found
    if not body and len(head) < HEAD_BYTES:
        raise FileEmpty
    if body.startswith(b"["):
        return Format.JSON
    if body.startswith(b"{") or filename.lower().endswith(".json"):
        return Format.JSONL
    first_line = body.split(b"\n", 1)[0]
    return Format.TSV if b"\t" in first_line and b"," not in first_line else Format.CSV


def _refuse_wide(head: bytes) -> None:
    for bom, name in _WIDE_BOMS:
        if head.startswith(bom):
            raise UnsupportedEncoding(
                f"The file is {name}, not UTF-8: save it as 'CSV UTF-8' and send it again."
            )
    # Without a byte order mark UTF-16 shows as a NUL beside nearly every letter.
    if len(head) >= 4 and head.count(0) > len(head) // 4:
        raise UnsupportedEncoding(
            "The file looks like UTF-16, not UTF-8: save it as 'CSV UTF-8' and send it again."
        )


def text_decode(raw: bytes, row: int) -> str:
    """Decode one row's bytes, or say in which row they stop being UTF-8."""
    if b"\0" in raw:
        raise NulCharacter(row=row)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise UnsupportedEncoding(_encoding_advice(raw, fault.start), row=row) from fault


def _encoding_advice(raw: bytes, start: int) -> str:
    advice = UnsupportedEncoding.message
    try:
        guess = raw[start : start + 200].decode("gb18030")
    except UnicodeDecodeError:
        return advice
    if any("\u4e00" <= letter <= "\u9fff" for letter in guess):
        return f"{advice} It looks like GBK, as Excel saves Chinese text by default."
    return advice


class Lines:
    """The decoded lines of a file, each with its own ending; ``row`` is set by whoever reads."""

    def __init__(self, source: BinaryIO, limits: Limits) -> None:
        self._source, self._limit = source, limits.record_bytes
        self._first = True
        self.row = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self._source.readline(self._limit + 1)
        if not raw:
            raise StopIteration
        if self._first:
            raw, self._first = raw.removeprefix(BOM), False
        if len(raw) > self._limit:
            raise RecordTooLarge(row=self.row)
        return text_decode(raw, self.row)
