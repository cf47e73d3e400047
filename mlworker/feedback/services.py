"""Taking feedback."""

from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.metering.selectors import usage_event_get
from mlworker.feedback.contracts import FEEDBACK_PREFIX, FEEDBACK_WINDOW, METER, FeedbackInfo
from mlworker.feedback.errors import FeedbackEmpty, FeedbackTooLate
from mlworker.feedback.models import Feedback
from mlworker.feedback.selectors import feedback_info


def feedback_give(
    *,
    organization: OrganizationRef,
    actor: Actor,
    prediction_id: UUID,
    label: str | None = None,
    rating: int | None = None,
    comment: str = "",
) -> FeedbackInfo:
    """Judge a prediction of this organization; an earlier judgement of it is replaced.

    NotFound when no such prediction was made, FeedbackTooLate after 90 days, FeedbackEmpty.
    """
    require_scope(organization)
    event = usage_event_get(organization=organization, event_id=prediction_id)
    if event.meter != METER:
        raise NotFound("No such prediction.")
    if clock.now() - event.occurred_at > FEEDBACK_WINDOW:
        raise FeedbackTooLate
    if label is None and rating is None and not comment:
        raise FeedbackEmpty
    row, _ = Feedback.objects.update_or_create(
        prediction_id=prediction_id,
        defaults={"label": label, "rating": rating, "comment": comment, "model": event.model},
    )
    audit_record(actor=actor, action="feedback.give", target=public_id(FEEDBACK_PREFIX, row.id))
    return feedback_info(row)
