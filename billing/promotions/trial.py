"""More days for a trial. A grant's end never changes, so what is left of it is given anew."""

from datetime import timedelta
from decimal import Decimal

from django.db.models import Q

from anneal.kernel import clock
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.ledger import functions
from billing.ledger.models import Grant, GrantKind
from billing.ledger.services import balance_grant
from billing.plans.trial import TRIAL_SOURCE
from billing.promotions.contracts import RedemptionInfo
from billing.promotions.errors import PromotionUnfit


def trial_extend(*, organization: OrganizationRef, actor: Actor, redeemed: RedemptionInfo) -> None:
    """Give what is left of the trial so many more days, counted from its end or from now.

    Of a trial that is over, what went unused comes back. What a hold pins stays where it is. Raises
    PromotionUnfit when there is nothing to extend.
    """
    now = clock.now()
    source = f"{TRIAL_SOURCE}:{redeemed.id}"
    grants = Grant.objects.filter(
        Q(source=TRIAL_SOURCE) | Q(source__startswith=f"{TRIAL_SOURCE}:"),
        organization_id=organization.id,
        kind=GrantKind.PROMOTIONAL,
    )
    extended = False
    for grant in _latest(list(grants.order_by("unit", "id"))):
        rest = functions.grant_void(organization_id=organization.id, grant_id=grant.id)
        grant.refresh_from_db()
        rest += grant.expired
        if rest <= 0:
            continue
        extended = True
        ends_at = max(grant.expires_at or now, now)
        balance_grant(
            organization=organization,
            actor=actor,
            unit=grant.unit,
            amount=Decimal(rest),
            kind=GrantKind.PROMOTIONAL,
            source=source,
            expires_at=ends_at + timedelta(days=redeemed.terms.days or 0),
        )
    if not extended:
        raise PromotionUnfit


def _latest(grants: list[Grant]) -> list[Grant]:
    """Return the newest trial grant of each unit: what is before it has been given anew."""
    return list({grant.unit: grant for grant in grants}.values())
