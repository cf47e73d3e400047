"""Taking feedback."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.metering.selectors import usage_event_get
from mlworker.feedback.contracts import (
    ANSWER_FIELDS,
    FEEDBACK_PREFIX,
    FEEDBACK_WINDOW,
    METERS,
    FeedbackInfo,
)
from mlworker.feedback.errors import FeedbackEmpty, FeedbackTooLate, FeedbackUnfit
from mlworker.feedback.models import Feedback
from mlworker.feedback.selectors import feedback_info


def feedback_give(
    *,
    organization: OrganizationRef,
    actor: Actor,
    prediction_id: UUID,
    label: str | None = None,
    answer: Mapping[str, Any] | None = None,
    rating: int | None = None,
    comment: str = "",
) -> FeedbackInfo:
    """Judge a prediction of this organization; an earlier judgement of it is replaced.

    ``answer`` is what would have been right where that is no single ``label``: one of the fields of
    ANSWER_FIELDS. NotFound when no such prediction was made, FeedbackTooLate after 90 days,
    FeedbackEmpty, FeedbackUnfit when the answer has not the form of the prediction's task.
    """
    require_scope(organization)
    event = usage_event_get(organization=organization, event_id=prediction_id)
    if event.meter not in METERS:
        raise NotFound("No such prediction.")
    if clock.now() - event.occurred_at > FEEDBACK_WINDOW:
        raise FeedbackTooLate
    given = [*(["label"] if label is not None else []), *(answer or ())]
    if not given and rating is None and not comment:
        raise FeedbackEmpty
    _check(given, event.dims.get("task"))
    row, _ = Feedback.objects.update_or_create(
        prediction_id=prediction_id,
        defaults={
            "label": label,
            "answer": dict(answer) if answer else None,
            "rating": rating,
            "comment": comment,
            "model": event.model,
        },
    )
    audit_record(actor=actor, action="feedback.give", target=public_id(FEEDBACK_PREFIX, row.id))
    return feedback_info(row)


def _check(given: Sequence[str], task: str | None) -> None:
    """Refuse two right answers, and one in another task's form."""
    if len(given) > 1:
        raise FeedbackUnfit(f"Give one of {', '.join(given)}: there is one right answer.")
    wanted = ANSWER_FIELDS.get(task or "")
    if given and wanted and given[0] != wanted:
        raise FeedbackUnfit(
            f"A prediction of the task {task} is judged with {wanted}, not {given[0]}.",
            param=given[0],
        )
