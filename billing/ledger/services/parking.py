"""Stopping an account whose books must be looked at, and freeing it again."""

from anneal.kernel.audit import audit_record
from anneal.kernel.events import AccountFreed, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import reason_read
from billing.ledger.selectors import account_get


def account_park(*, organization: OrganizationRef, actor: Actor, reason: str) -> bool:
    """Take no new holds of an organization; say whether it was not parked before.

    What is held already may be settled. Runs in a system scope: nobody frees or parks itself.
    """
    told = reason_read(reason)
    return _park(organization, actor, "account.park", told, told)


def account_unpark(*, organization: OrganizationRef, actor: Actor, reason: str) -> bool:
    """Take holds again; say whether it was parked. Runs in a system scope.

    Who hears of it may park it anew for a reason of their own.
    """
    parked_for = account_get(organization=organization).parked_reason
    freed = _park(organization, actor, "account.unpark", "", reason_read(reason))
    if freed:
        publish(AccountFreed(organization=organization, parked_for=parked_for))
    return freed


def _park(
    organization: OrganizationRef, actor: Actor, action: str, parked_for: str, reason: str
) -> bool:
    require_scope(organization)
    changed = functions.account_park(organization_id=organization.id, reason=parked_for)
    if changed:
        audit_record(
            actor=actor,
            action=action,
            target=public_id("org_", organization.id),
            detail={"reason": reason},
            organization=organization,
        )
    return changed
