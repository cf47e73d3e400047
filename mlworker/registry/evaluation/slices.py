"""Slices by further columns with their values, which a report does not hold: they are the rows'."""

from collections.abc import Mapping
from typing import Any, Final

from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.models import ModelVersion
from tenants.datasets.selectors import dataset_meta

SLICES: Final = "column_slices"
"""The report's part."""


def slices_told(
    *, organization: OrganizationRef, row: ModelVersion, part: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the part with each slice's `value`, or `low` and `high`; null without the dataset."""
    require_scope(organization)
    lines = [line for column in part["columns"] for line in column["slices"]]
    rows = {line[name] for line in lines for name in ("row", "high_row") if name in line}
    metas = None
    if row.evaluation_version_id is not None:
        metas = dataset_meta(
            organization=organization, version_id=row.evaluation_version_id, row_ids=rows
        )
    return {
        **part,
        "dataset_deleted": metas is None,
        "columns": [
            {
                **column,
                "slices": [_told(line, column["column"], metas or {}) for line in column["slices"]],
            }
            for column in part["columns"]
        ],
    }


def _told(
    line: Mapping[str, Any], column: str, metas: Mapping[int, Mapping[str, Any]]
) -> dict[str, Any]:
    own, end = (metas.get(line.get(name, 0), {}).get(column) for name in ("row", "high_row"))
    told = {"row": None, "values": None, **line, "value": None, "low": None, "high": None}
    told.pop("high_row", None)
    if line["kind"] == "range" and own is not None and end is not None:
        told["low"], told["high"] = float(own), float(end)
    elif line["kind"] == "value":
        told["value"] = own
    return told
