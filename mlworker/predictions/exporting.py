"""The log as a file: JSON lines, or a table for spreadsheets."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Literal
from uuid import UUID

from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.spreadsheets import cell_of
from mlworker.predictions.contracts import LoggedPrediction
from mlworker.predictions.models import Prediction
from mlworker.predictions.searching import search_bounded
from mlworker.predictions.selectors import LogFilter, prediction_info, predictions_of
from mlworker.serving.contracts import DEPLOYMENT_PREFIX, PREDICTION_PREFIX, DeploymentInfo

FILE_ROWS: Final = 20_000
FILE_CHARACTERS: Final = 20_000_000
"""What a file may have, and with it the memory of a web process."""
_PAGE: Final = 500
_COLUMNS: Final = ("id", "created_at", "model", "text", "labels", "score", "answer", "hidden")

FileForm = Literal["jsonl", "csv"]


@dataclass(frozen=True, slots=True)
class LogFile:
    """A part of the log. ``more`` is the last row's id where it did not hold all."""

    content: str
    more: UUID | None


def predictions_export(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment: DeploymentInfo,
    wanted: LogFilter,
    form: FileForm,
    after: UUID | None = None,
) -> LogFile:
    """Return kept rows as a file, newest first, from behind the row ``after`` on."""
    require_scope(organization)
    rows = predictions_of(organization=organization, deployment=deployment, wanted=wanted)
    write = _jsonl if form == "jsonl" else _csv
    lines: list[str] = []
    characters, last, more = 0, after, None
    with search_bounded() as ends:
        for row in _newest(rows, after):
            full = len(lines) == FILE_ROWS or characters > FILE_CHARACTERS
            if lines and (full or monotonic() > ends):
                more = last
                break
            # As text at once: an answer with its entities takes ten times as much as an object.
            lines.append(write(prediction_info(row)))
            characters, last = characters + len(lines[-1]), row.id
    audit_record(
        actor=actor,
        action="prediction_log.export",
        target=public_id(DEPLOYMENT_PREFIX, deployment.id),
        detail={"name": deployment.name, "rows": len(lines), "form": form},
    )
    return LogFile("".join(lines if form == "jsonl" else [_CSV_HEAD, *lines]), more)


def _newest(rows: Any, after: UUID | None) -> Iterator[Prediction]:
    """Yield rows a page at a time: no more of them are in memory."""
    while True:
        some = rows if after is None else rows.filter(id__lt=after)
        page = list(some.order_by("-id")[:_PAGE])
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].id


def _jsonl(row: LoggedPrediction) -> str:
    return f"{json.dumps(_line(row), ensure_ascii=False)}\n"


def _csv(row: LoggedPrediction) -> str:
    line = {**_line(row), "labels": "|".join(row.labels)}
    line["answer"] = json.dumps(row.answer, ensure_ascii=False)
    return _csv_row([cell_of(line[name]) for name in _COLUMNS])


def _csv_row(cells: Sequence[Any]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerow(cells)
    return stream.getvalue()


# Spreadsheets take a file for UTF-8 when it begins with the mark.
_CSV_HEAD: Final = f"\ufeff{_csv_row(_COLUMNS)}"


def _line(row: LoggedPrediction) -> dict[str, Any]:
    return {
        "id": public_id(PREDICTION_PREFIX, row.id),
        "created_at": int(row.created_at.timestamp()),
        "model": row.model,
        "text": row.text,
        "labels": list(row.labels),
        "score": row.score,
        "answer": row.answer,
        "hidden": row.hidden,
    }
