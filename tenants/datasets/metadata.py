"""Further columns of a file: neither text nor label, kept with the row to compare parts by.

A row's values are one JSON object: names may be any, also ``split`` or ``row_id``, and a JSON file
may have a number in one row and a text in the next. What is too large is left out, never refused.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tenants.datasets.contracts import Meta, ReportLine
from tenants.datasets.limits import Limits

TOO_LONG: Final = "meta_too_long"
NOT_PLAIN: Final = "meta_not_plain"


def meta_columns(candidates: Iterable[str], limits: Limits) -> tuple[list[str], list[ReportLine]]:
    """Return the columns that are kept, and a warning that names those which are not."""
    notes: list[ReportLine] = []
    kept: list[str] = []
    beyond: list[str] = []
    for name in candidates:
        if len(name) > limits.meta_characters:
            told = f"The name of a column is longer than {limits.meta_characters} characters"
            text = f"{told}; the column '{name[:40]}...' is left out."
            notes.append(ReportLine("meta_name_too_long", text, column=name[:120]))
        elif len(kept) >= limits.meta_columns:
            beyond.append(name)
        else:
            kept.append(name)
    if beyond:
        names = ", ".join(name[:40] for name in beyond[:10])
        more = f" and {len(beyond) - 10:,} more" if len(beyond) > 10 else ""
        most = limits.meta_columns
        text = f"Beside text and label {most} columns are kept; left out: {names}{more}."
        notes.append(
            ReportLine("meta_columns_left_out", text, count=len(beyond), column=names + more)
        )
    return kept, notes


def meta_take(
    names: Sequence[str], values: Sequence[Any], limits: Limits
) -> tuple[Meta, list[tuple[str, str]]]:
    """Return what is kept of a row's values, and (code, column) of each that is not.

    Null and empty cells are missing values and not kept either.
    """
    kept: dict[str, Any] = {}
    faults: list[tuple[str, str]] = []
    for name, value in zip(names, values, strict=True):
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        fault = _fault(value, limits.meta_characters)
        if fault is None:
            kept[name] = value
        else:
            faults.append((fault, name))
    return kept, faults


def _fault(value: Any, most: int) -> str | None:
    if isinstance(value, str):
        return TOO_LONG if len(value) > most else None
    if isinstance(value, float):
        return None if math.isfinite(value) else NOT_PLAIN
    if isinstance(value, int):  # true and false among them
        return TOO_LONG if value.bit_length() > most else None
    return NOT_PLAIN


def meta_text(meta: Meta) -> str | None:
    """Return the stored spelling, the same whatever the columns' order; None of an empty one."""
    if not meta:
        return None
    return json.dumps(meta, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def meta_json(text: str | None) -> dict[str, Any]:
    """Read the stored spelling."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def meta_shown(text: str | None, columns: Sequence[str]) -> Mapping[str, Any]:
    """Return the values of a row in the columns' order, null where one is missing."""
    found = meta_json(text)
    return {name: found.get(name) for name in columns}
