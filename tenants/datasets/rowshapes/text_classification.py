"""One label a row, as the file has it."""

from collections.abc import Mapping, Sequence
from typing import Final

from tenants.datasets.rowshapes.base import Reading, RowFault, SplitBy


class OneLabel:
    """The label is the cell without white space around it."""

    task: Final = "text_classification"
    structured: Final = False
    split_by: SplitBy = "label"
    alike: Final = "single_class"
    sentences: Mapping[str, str] = {}

    def fits(self, cells: Sequence[str]) -> bool:
        """It is what anything else is taken for."""
        return False

    def read(self, text: str, cell: str) -> Reading:
        """Return the label."""
        name = cell.strip()
        if not name:
            raise RowFault("empty_label")
        return Reading(name, (name,))

    def target(self, label: str) -> str:
        """Return the label."""
        return label

    def contains(self, label: str) -> None:
        """A label is equal or another one."""
        return


SHAPE: Final = OneLabel()
