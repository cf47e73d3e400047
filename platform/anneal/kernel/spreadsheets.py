"""Cells that a spreadsheet will open."""

from typing import Any, Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet, and texts are other people's."""


def cell_of(value: Any) -> Any:
    """Return a value as a cell: a text that would be read as a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
