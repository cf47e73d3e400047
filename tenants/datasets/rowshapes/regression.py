"""One number a row."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from tenants.datasets.rowshapes.base import Reading, RowFault, SplitBy

LARGEST: Final = 1e30
_MANY: Final = 20
_MANY_WHOLE: Final = 50


class OneNumber:
    """Kept as Python writes the number, so that 4 and 4.0 are one label."""

    task: Final = "regression"
    structured: Final = False
    split_by: SplitBy = "number"
    alike: Final = "single_value"
    sentences: Mapping[str, str] = {
        "label_not_number": (
            "The label is no number between -1e30 and 1e30: write 4.5, without units or commas."
        ),
    }

    def fits(self, cells: Sequence[str]) -> bool:
        """Fractions of many sizes; whole numbers only if they seldom come back: 1 to 5 are grades
        that may as well be classes."""
        try:
            numbers = [_number(cell) for cell in cells]
        except RowFault:
            return False
        different = len(set(numbers))
        if any(not number.is_integer() for number in numbers):
            return different > _MANY
        return different > max(_MANY_WHOLE, len(cells) // 2)

    def read(self, text: str, cell: str) -> Reading:
        """Return the number."""
        if not cell.strip():
            raise RowFault("empty_label")
        number = _number(cell.strip())
        return Reading(repr(number), value=number)

    def target(self, label: str) -> float:
        """Return the number."""
        return float(label)

    def contains(self, label: str) -> None:
        """A number is equal or another one."""
        return


def _number(cell: str) -> float:
    # float() would also take 1_000 and other digits than these
    if not cell.isascii() or "_" in cell:
        raise RowFault("label_not_number")
    try:
        found = float(cell)
    except ValueError as fault:
        raise RowFault("label_not_number") from fault
    if math.isnan(found) or abs(found) > LARGEST:
        raise RowFault("label_not_number")
    return found + 0.0  # -0.0 is 0.0


SHAPE: Final = OneNumber()
