"""From kept predictions to rows that a next model can learn from: what was judged comes first."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from anneal.kernel.errors import NotFound
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.feedback.contracts import ANSWER_FIELDS
from mlworker.feedback.errors import NothingToLearn
from mlworker.feedback.models import Feedback
from mlworker.predictions.models import Prediction
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
    """Make a dataset of a deployment's kept texts, the newest MOST_ROWS at most.

    A text has the right answer that feedback gave; with ``judged`` off also those nobody judged,
    with the model's answer, to be looked over. NothingToLearn when no row is fit.
    """
    require_scope(organization)
    field = ANSWER_FIELDS.get(_task(organization, deployment))
    if field is None or field == _SPANS:
        raise NothingToLearn("Texts of this task cannot be made a dataset: download them instead.")
    rows = predictions_of(organization=organization, deployment=deployment, wanted=wanted)
    lines: list[str] = []
    for row, said in _answered(rows.filter(text__isnull=False, text_cut=False)):
        right = said if said is not None else (None if judged else row.answer)
        if right is not None and right.get(field) is not None:
            line = {"text": row.text, "label": right[field]}
            lines.append(json.dumps(line, ensure_ascii=False))
        if len(lines) == MOST_ROWS:
            break
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
