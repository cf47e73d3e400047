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
    """Return the part with each slice's `value`; null ones once the dataset has been deleted."""
    require_scope(organization)
    lines = [line for column in part["columns"] for line in column["slices"]]
    rows = {line["row"] for line in lines if "row" in line}
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
    own = metas.get(line["row"], {}).get(column) if "row" in line else None
    return {"row": None, "low": None, "high": None, "values": None, **line, "value": own}
