"""Keeping automatic top-ups from trying a refused card again and again."""

from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import publish
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.payments.contracts import AutoTopUpPaused
from billing.payments.models import AutoTopUp

PAUSE: Final = timedelta(days=1)
OPERATOR: Final = "operator"
"""The reason that only an operator takes away again."""
MAIL_TASK: Final = "payments.pause_mail"


def auto_top_up_pause(*, organization: OrganizationRef, reason: str) -> None:
    """Wait a day before credit is bought by itself again, and say why.

    Whoever looks after money is told once per reason: a card that is refused each day is no news.
    """
    require_scope(organization)
    row = AutoTopUp.objects.filter(organization_id=organization.id).first()
    if row is None or row.paused_reason == OPERATOR:
        return
    before, row.paused_reason, row.retry_at = row.paused_reason, reason[:200], clock.now() + PAUSE
    row.save(update_fields=["paused_reason", "retry_at"])
    if row.paused_reason == before:
        return
    publish(
        AutoTopUpPaused(organization=organization, reason=row.paused_reason, until=row.retry_at)
    )
    outbox_add(
        task=MAIL_TASK,
        queue="default",
        payload={
            "organization_id": str(organization.id),
            "slug": organization.slug,
            "reason": row.paused_reason,
            "until": row.retry_at.isoformat(),
        },
    )
    audit_record(
        actor=SYSTEM_ACTOR,
        action="auto_top_up.pause",
        target=public_id("atu_", row.id),
        detail={"reason": row.paused_reason},
        organization=organization,
    )
