"""How the rows of each task look: one module a task, with a constant ``SHAPE``. No Django.

A row is kept as text and label; the label is text too, in the task's one spelling, so that storage,
hashing and paging need not know tasks. The registry finds modules by itself: adding a task touches
no other file.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tenants.datasets.rowshapes.base import Reading, RowFault, RowShape

__all__ = ["SHAPES", "Reading", "RowFault", "RowShape", "shape_of", "task_detect"]

DEFAULT_TASK: Final = "text_classification"


def _discover() -> Mapping[str, RowShape]:
    found: list[RowShape] = []
    for info in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
        shape = getattr(importlib.import_module(info.name), "SHAPE", None)
        if shape is not None:
            found.append(shape)
    return MappingProxyType({shape.task: shape for shape in found})


SHAPES: Final = _discover()


def shape_of(task: str) -> RowShape:
    """Return a known task's shape."""
    return SHAPES[task]


def task_detect(cells: Sequence[str]) -> str:
    """Return the task whose labels these cells hold; what fits no other is a single label."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    fitting = [name for name, shape in SHAPES.items() if filled and shape.fits(filled)]
    return fitting[0] if len(fitting) == 1 else DEFAULT_TASK
