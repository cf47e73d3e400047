"""Columns of 0 and 1, one for each label: read together as one column of label lists."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from tenants.datasets.errors import OneHotCellInvalid

COLUMN: Final = "labels (0/1)"
"""Name of the column they are read as, beside the file's own."""
LEAST: Final = 2
_ON: Final = frozenset({"1", "1.0", "true"})
_OFF: Final = frozenset({"", "0", "0.0", "false"})


def one_hot_columns(columns: Sequence[str], cells: Callable[[str], Sequence[str]]) -> list[str]:
    """Return the columns whose sampled cells are 0 or 1; none unless there are two of them."""
    if COLUMN in columns:
        return []
    found = [name for name in columns if _is_one_hot(cells(name))]
    return found if len(found) >= LEAST else []


def one_hot_label(names: Sequence[str], cells: Sequence[str], row: int) -> str:
    """Return the names whose cell is 1, as a JSON list. OneHotCellInvalid names a cell of neither.

    An empty cell is a 0: spreadsheets are often filled in that way.
    """
    given = []
    for name, cell in zip(names, cells, strict=True):
        value = cell.strip().lower()
        if value in _ON:
            given.append(name)
        elif value not in _OFF:
            raise OneHotCellInvalid(row=row, column=name[:120])
    return json.dumps(given, ensure_ascii=False)


def _is_one_hot(cells: Sequence[str]) -> bool:
    values = {cell.strip().lower() for cell in cells}
    return bool(values - {""}) and values <= _ON | _OFF
