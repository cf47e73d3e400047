"""From kept predictions to rows that a next model can learn from: what was judged comes first."""

import io
import json
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, Final

from django.db.models import Q

from anneal.kernel.errors import NotFound
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.feedback.contracts import ANSWER_FIELDS
from mlworker.feedback.errors import NothingToLearn
from mlworker.feedback.models import Feedback
from mlworker.predictions.errors import LogSearchTooLong
from mlworker.predictions.exporting import FILE_CHARACTERS
from mlworker.predictions.models import Prediction
from mlworker.predictions.searching import search_bounded
from mlworker.predictions.selectors import LogFilter, predictions_of
from mlworker.registry.selectors import model_version_resolve
from mlworker.serving.contracts import DeploymentInfo
from tenants.datasets.contracts import ColumnMapping, DatasetInfo
from tenants.datasets.services import dataset_create

MOST_ROWS: Final = 10_000
_SPANS: Final = "entities"
_PAGE: Final = 500


def dataset_from_predictions(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment: DeploymentInfo,
    name: str,
    wanted: LogFilter,
    judged: bool = True,
) -> DatasetInfo:
    """Make a dataset of a deployment's kept texts, the newest MOST_ROWS or FILE_CHARACTERS at most.

    A text has the right answer that feedback gave; with ``judged`` off also those nobody judged,
    with the model's answer, to be looked over. NothingToLearn when no row is fit, LogSearchTooLong.
    """
    require_scope(organization)
    field = ANSWER_FIELDS.get(_task(organization, deployment))
    if field is None or field == _SPANS:
        raise NothingToLearn("Texts of this task cannot be made a dataset: download them instead.")
    rows = predictions_of(organization=organization, deployment=deployment, wanted=wanted)
    lines = _lines(rows.filter(text__isnull=False, text_cut=False), field, judged=judged)
    if not lines:
        raise NothingToLearn
    return dataset_create(
        organization=organization,
        actor=actor,
        name=name,
        source=io.BytesIO("".join(f"{line}\n" for line in lines).encode()),
        filename=f"{deployment.name}-predictions.jsonl",
        task=_task(organization, deployment),
        mapping=ColumnMapping(text="text", label="label"),
    )


def _task(organization: OrganizationRef, deployment: DeploymentInfo) -> str:
    try:
        return model_version_resolve(organization=organization, name=deployment.model).task
    except NotFound:
        return ""


def _lines(rows: Any, field: str, *, judged: bool) -> list[str]:
    lines: list[str] = []
    characters = 0
    if judged:  # few of many: the others are not even looked at
        given = Feedback.objects.filter(Q(label__isnull=False) | Q(answer__isnull=False))
        rows = rows.filter(id__in=given.values("prediction_id"))
    with search_bounded() as ends:
        for row, said in _answered(rows):
            if len(lines) == MOST_ROWS or characters > FILE_CHARACTERS:
                break
            if monotonic() > ends:
                raise LogSearchTooLong
            right = said if said is not None else (None if judged else row.answer)
            if right is not None and right.get(field) is not None:
                line = {"text": row.text, "label": right[field]}
                lines.append(json.dumps(line, ensure_ascii=False))
                characters += len(row.text or "")
    return lines


def _answered(rows: Any) -> Iterator[tuple[Prediction, Mapping[str, Any] | None]]:
    """Yield kept rows, newest first, each with the right answer that feedback gave, if any."""
    after = None
    while True:
        some = rows if after is None else rows.filter(id__lt=after)
        page = list(some.order_by("-id")[:_PAGE])
        given = Feedback.objects.filter(prediction_id__in=[row.id for row in page])
        judged = {
            each.prediction_id: each.answer or {"label": each.label}
            for each in given
            if each.answer or each.label is not None
        }
        for row in page:
            yield row, judged.get(row.id)
        if len(page) < _PAGE:
            return
        after = page[-1].id
