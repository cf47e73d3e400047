"""One request or row of an input file, and the lines of a file that may hold bad ones."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, Protocol

from anneal.kernel.errors import DomainError
from mlworker.batches.limits import MAX_LINE_BYTES

_BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """How the answers of a request are written."""

    top_k: int | None = None
    threshold: float | None = None
    encoding: str = "float"


PLAIN: Final = Options()


@dataclass(slots=True)
class Entry:
    """One request, or one row of a table. ``problem`` says why it cannot be answered."""

    number: int
    """Where it stands in the file, counted from 1 as an editor or a spreadsheet does."""
    texts: list[str] = field(default_factory=list)
    key: str | None = None
    """A request's `custom_id`."""
    model: str = ""
    options: Options = PLAIN
    problem: DomainError | None = None
    record: Any = None
    """A row as its format gives it."""
    weight: int = 0
    """Bytes, about, that the record holds until its answer is written."""


class Source(Protocol):
    """An open input file."""

    @property
    def kind(self) -> str:
        """Its format."""
        ...

    @property
    def rows(self) -> int | None:
        """How many there are, where the format says so."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of a table's columns; none for a file of requests."""
        ...

    @property
    def text_column(self) -> str:
        """The column that is read."""
        ...

    def entries(self, *, skip: int = 0) -> Iterator[Entry]:
        """Yield every entry after the first ``skip``. Can be walked once."""
        ...


def raw_lines(source: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield (line number, bytes) of lines that are not blank; None for one that is too long."""
    number = 0
    while raw := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = source.readline(_BLOCK)
            yield number, None
        elif not raw.isspace():
            yield number, raw
