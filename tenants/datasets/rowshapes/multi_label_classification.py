"""Any number of labels a row: a JSON list, or names with ``|`` between them; empty is none."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tenants.datasets.rowshapes.base import Reading, RowFault, SplitBy, compact, json_cell

MARK: Final = "|"


class ManyLabels:
    """Kept as a JSON list of different names in alphabetical order."""

    task: Final = "multi_label_classification"
    structured: Final = True
    split_by: SplitBy = "rarest"
    alike: Final = "single_class"
    sentences: Mapping[str, str] = {
        "labels_not_list": (
            'The labels are no list of names: write ["a", "b"], or a|b in a CSV cell.'
        ),
    }

    def fits(self, cells: Sequence[str]) -> bool:
        """Lists of names; or names with marks that come back in other combinations."""
        if all(cell.startswith("[") for cell in cells):
            return any(_names(cell) for cell in cells) and None not in map(_names, cells)
        marked = sum(MARK in cell for cell in cells)
        parts = {part.strip() for cell in cells for part in cell.split(MARK)}
        return marked * 10 >= len(cells) and len(parts) < len(set(cells))

    def read(self, text: str, cell: str) -> Reading:
        """Return the labels, each once."""
        if cell.lstrip().startswith("["):
            found = _names(cell)
            if found is None:
                raise RowFault("labels_not_list")
        elif cell.lstrip().startswith("{"):
            raise RowFault("labels_not_list")
        else:
            found = cell.split(MARK)
        names = tuple(sorted({name.strip() for name in found} - {""}))
        return Reading(compact(list(names)), names)

    def target(self, label: str) -> Any:
        """Return the list."""
        return json_cell(label)

    def contains(self, label: str) -> str:
        """Return the name as it stands in a list: quotes end it on both sides."""
        return compact(label)


def _names(cell: str) -> list[str] | None:
    try:
        found = json_cell(cell)
    except ValueError:
        return None
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        return found
    return None


SHAPE: Final = ManyLabels()
