"""What the datasets app asks of a task's rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from anneal.kernel.json_checks import has_lone_surrogate, has_nul

SplitBy = Literal["label", "rarest", "number"]
"""What the three parts of a version have in equal shares: a row's label, the rarest of its labels,
or the size of its number."""


class RowFault(Exception):
    """A row that cannot be trained on; ``code`` is that of the report's line."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reading:
    """A row's label: as it is kept, the names in it, and its number where it is one."""

    label: str
    names: tuple[str, ...] = ()
    value: float | None = None


class RowShape(Protocol):
    """How one task's labels are written in a file."""

    @property
    def task(self) -> str:
        """The task's id."""
        ...

    @property
    def structured(self) -> bool:
        """Whether a JSON cell may hold a list or an object."""
        ...

    @property
    def split_by(self) -> SplitBy:
        """What the parts are balanced by."""
        ...

    @property
    def alike(self) -> str | None:
        """The report's code where all rows have one label and so teach nothing; None: they teach
        something all the same."""
        ...

    @property
    def sentences(self) -> Mapping[str, str]:
        """What the report says to each RowFault of this shape; all of them are errors."""
        ...

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether filled, stripped cells look like this task's labels and no other's."""
        ...

    def read(self, text: str, cell: str) -> Reading:
        """Read one row's label. Raises RowFault."""
        ...

    def target(self, label: str) -> Any:
        """Return a kept label as JSON, as the API shows it."""
        ...

    def contains(self, label: str) -> str | None:
        """Return the text that kept labels with this name contain; None: they equal it."""
        ...


def json_cell(cell: str) -> Any:
    """Return a cell's JSON. Raises ValueError, also for what is nested beyond reason, and for
    escapes that name what cannot be stored: who read the file saw the cell, not what is in it."""
    try:
        found = json.loads(cell)
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault
    if "\\u" in cell and (has_nul(found) or has_lone_surrogate(found)):
        raise ValueError("no character")
    return found


def compact(value: Any) -> str:
    """Return JSON text in one spelling."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
