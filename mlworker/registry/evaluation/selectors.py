"""Reading reports and the rows behind them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import numpy as np
import pyarrow as pa

from anneal.kernel.errors import InvalidRequest
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.storage import object_open
from billing.prices.errors import MeterUnknown
from billing.prices.rating import rate
from billing.prices.selectors import price_for
from mlworker.engine.evaluation.predictions import predictions_read
from mlworker.engine.tasks import TASKS
from mlworker.registry.errors import EvaluationMissing
from mlworker.registry.evaluation.slices import SLICES, slices_told
from mlworker.registry.models import ModelVersion
from mlworker.registry.naming import PREFIX
from mlworker.registry.selectors import model_listing_get, version_row
from tenants.datasets.errors import RowsSealed
from tenants.datasets.selectors import dataset_texts, seal_unbroken

_METER: Final = "prediction"
_CHANNEL: Final = "online"
_THOUSAND: Final = Decimal(1000)


class Order(StrEnum):
    """How rows follow each other."""

    ROW = "row"
    WORST = "worst"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A report with what the web side adds to it."""

    model: str
    report: Mapping[str, Any]
    price: Mapping[str, str] | None
    """What 1,000 predictions cost by today's price list."""


@dataclass(frozen=True, slots=True)
class CellFilter:
    """Which answers to show; None means any."""

    true: str | None = None
    predicted: str | None = None
    order: Order = Order.ROW
    after: int | None = None
    """Row id of the last one seen."""


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """A row of the split and what the model said of it."""

    row: int
    label: str
    predicted: str
    score: float
    label_score: float
    text: str | None
    """None once the dataset has been deleted."""


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of answered rows."""

    rows: tuple[AnsweredRow, ...]
    total: int
    more: bool
    dataset_deleted: bool


def reported_version(*, organization: OrganizationRef, name: str) -> ModelVersion:
    """Return an own version that has a report; ModelNotFound, EvaluationMissing. This app only."""
    require_scope(organization)
    if not name.startswith(PREFIX):
        model_listing_get(organization=organization, name=name)
        raise EvaluationMissing(
            "Only models of your own fine-tuning jobs have an evaluation report."
        )
    row = version_row(name)
    if not row.report_key:
        raise EvaluationMissing
    return row


def evaluation_get(*, organization: OrganizationRef, name: str) -> Evaluation:
    """Return a version's report; ModelNotFound, EvaluationMissing."""
    row = reported_version(organization=organization, name=name)
    report = report_read(row)
    if report.get(SLICES):
        report[SLICES] = slices_told(organization=organization, row=row, part=report[SLICES])
    if _sealed(organization, row):
        # Each of these names a row with its label.
        report |= {name: [] for name in ("worst", "best") if name in report}
    return Evaluation(row.name, report, _price(organization, row))


def report_read(row: ModelVersion) -> dict[str, Any]:
    """Return the stored report. EvaluationMissing when its file is gone."""
    try:
        with object_open(row.report_key) as stored:
            report: dict[str, Any] = json.load(stored)
    except FileNotFoundError as error:
        raise EvaluationMissing from error
    return report


def figures_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a report's figures, the one its task looks at first; older ones named two."""
    found: list[dict[str, Any]] | None = report.get("figures")
    if found is None:
        return [{"name": name, **report[name]} for name in ("accuracy", "macro_f1")]
    return found


def baselines_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a report's baselines with their figures; older ones named two, and some had none."""
    found = []
    for line in report.get("baselines") or ():
        named = [
            {"name": name, "value": line[name]}
            for name in ("accuracy", "macro_f1")
            if line.get(name) is not None
        ]
        found.append({"figures": named, **line})
    return found


def comparison_of(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the model was set against; older reports compared accuracy without a word."""
    found = report.get("comparison")
    return None if found is None else {"figure": "accuracy", **found}


def evaluation_rows(
    *, organization: OrganizationRef, row: ModelVersion, where: CellFilter, limit: int
) -> RowPage:
    """Return answered rows of a cell of the confusion matrix, or of all cells, in pages.

    EvaluationMissing, RowsSealed while an outcome contract keeps the rows.
    """
    require_scope(organization)
    if _sealed(organization, row):
        raise RowsSealed
    try:
        with object_open(row.predictions_key) as stored:
            table = predictions_read(stored)
    except FileNotFoundError as error:
        raise EvaluationMissing from error
    cells: Sequence[str] = row.labels if _is_place(table) else ()
    table = _named(table, row.labels)
    chosen = _chosen(table, cells, where, graded=_is_graded(row.task))
    start = _start(table, chosen, where.after)
    shown = table.take(pa.array(chosen[start : start + limit])).to_pylist()
    texts = None
    if row.evaluation_version_id is not None:
        texts = dataset_texts(
            organization=organization,
            version_id=row.evaluation_version_id,
            row_ids=[line["row_id"] for line in shown],
        )
    return RowPage(
        rows=tuple(
            AnsweredRow(
                row=line["row_id"],
                label=line["label"],
                predicted=line["predicted"],
                score=line["score"],
                label_score=line["label_score"],
                text=None if texts is None else texts.get(line["row_id"]),
            )
            for line in shown
        ),
        total=len(chosen),
        more=start + limit < len(chosen),
        dataset_deleted=texts is None,
    )


def worst_rows(*, organization: OrganizationRef, name: str, limit: int) -> tuple[AnsweredRow, ...]:
    """Return the worst errors of a version; none when its answers are gone. ModelNotFound."""
    row = reported_version(organization=organization, name=name)
    where = CellFilter(order=Order.WORST)
    try:
        return evaluation_rows(organization=organization, row=row, where=where, limit=limit).rows
    except (EvaluationMissing, RowsSealed):
        return ()


def _sealed(organization: OrganizationRef, row: ModelVersion) -> bool:
    version_id = row.evaluation_version_id
    return version_id is not None and seal_unbroken(
        organization=organization, version_id=version_id
    )


def _named(table: pa.Table, labels: Sequence[str]) -> pa.Table:
    """Both sides as text: answers that are one label of a set are kept as its place."""
    for name in ("label", "predicted"):
        if _is_place(table, name):
            column = pa.array(labels, pa.string()).take(table[name].combine_chunks())
            table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def _is_place(table: pa.Table, name: str = "label") -> bool:
    return bool(pa.types.is_integer(table.schema.field(name).type))


def _is_graded(task: str) -> bool:
    """Whether answers are nearer or farther off rather than right or wrong."""
    known = TASKS.get(task)
    return known is not None and any(column.kind == "number" for column in known.columns)


def _chosen(
    table: pa.Table, labels: Sequence[str], where: CellFilter, *, graded: bool = False
) -> Any:
    """Places of the rows in their order; with an order by loss, right or wrong answers alone.

    ``labels`` are what may be asked for: none where answers are no single labels.
    """
    true, predicted = (
        table[name].to_numpy(zero_copy_only=False) for name in ("label", "predicted")
    )
    keep = np.ones(len(true), dtype=bool)
    if where.true is not None:
        keep &= true == _known(labels, where.true, "true")
    if where.predicted is not None:
        keep &= predicted == _known(labels, where.predicted, "predicted")
    if where.order is Order.ROW:
        return np.flatnonzero(keep)
    if not graded:
        keep &= (true != predicted) if where.order is Order.WORST else (true == predicted)
    places = np.flatnonzero(keep)
    given = table["label_score"].to_numpy()[places]
    sign = 1 if where.order is Order.WORST else -1
    return places[np.argsort(sign * given, kind="stable")]


def _known(labels: Sequence[str], label: str, param: str) -> str:
    if not labels:
        raise InvalidRequest("Answers of this task have no cells: leave it out.", param=param)
    if label not in labels:
        raise InvalidRequest("No such label: the model's `labels` lists them.", param=param)
    return label


def _start(table: pa.Table, chosen: Any, after: int | None) -> int:
    if after is None:
        return 0
    found = np.flatnonzero(table["row_id"].to_numpy()[chosen] == after)
    if len(found) == 0:
        raise InvalidRequest("after is the `row` of the last row you were shown.", param="after")
    return int(found[0]) + 1


def _price(organization: OrganizationRef, row: ModelVersion) -> dict[str, str] | None:
    dims = {"task": row.task, "tier": row.tier, "channel": _CHANNEL}
    try:
        price = price_for(organization=organization, meter=_METER, dims=dims)
    except MeterUnknown:
        return None
    return {"amount": str(rate(price.terms, _THOUSAND)), "currency": price.currency}
