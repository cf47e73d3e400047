"""What an operator does with automatic top-ups: stop them, and let them go on."""

from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.payments.models import AutoTopUp
from billing.payments.services.pausing import OPERATOR


def auto_top_up_unpause(*, organization: OrganizationRef) -> None:
    """Buy again after money came, unless an operator stopped it."""
    require_scope(organization)
    rows = AutoTopUp.objects.filter(organization_id=organization.id)
    rows.exclude(paused_reason=OPERATOR).update(retry_at=None, paused_reason="")


def auto_top_up_stop(*, organization: OrganizationRef, actor: Actor, reason: str) -> None:
    """Buy nothing by itself until an operator lets it go on, whatever the customer sets."""
    _set(organization, actor, "auto_top_up.stop", OPERATOR, reason)


def auto_top_up_resume(*, organization: OrganizationRef, actor: Actor, reason: str) -> None:
    """Buy again at once, whoever or whatever stopped it."""
    _set(organization, actor, "auto_top_up.resume", "", reason)


def _set(
    organization: OrganizationRef, actor: Actor, action: str, paused: str, reason: str
) -> None:
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    row = AutoTopUp.objects.get(organization_id=organization.id)
    row.retry_at, row.paused_reason = None, paused
    row.save(update_fields=["retry_at", "paused_reason"])
    audit_record(
        actor=actor,
        action=action,
        target=public_id("atu_", row.id),
        detail={"reason": reason},
        organization=organization,
    )
