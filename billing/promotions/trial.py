"""More days for a trial. A grant's end never changes, so what is left of it is given anew."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

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

    Of a trial that is over, what went unused comes back. What a hold pins stays where it is; what
    it lets go of, another code extends. Raises PromotionUnfit when there is nothing to extend.
    """
    grants = Grant.objects.filter(
        Q(source=TRIAL_SOURCE) | Q(source__startswith=f"{TRIAL_SOURCE}:"),
        organization_id=organization.id,
        kind=GrantKind.PROMOTIONAL,
    )
    found = list(grants.order_by("unit", "id"))
    parts = [
        part
        for unit, mine in groupby(found, attrgetter("unit"))
        for part in _parts(unit, list(mine))
    ]
    if not parts:
        raise PromotionUnfit
    for part in parts:
        balance_grant(
            organization=organization,
            actor=actor,
            unit=part.unit,
            amount=part.amount,
            kind=GrantKind.PROMOTIONAL,
            source=f"{TRIAL_SOURCE}:{redeemed.id}{part.mark}",
            expires_at=part.ends_at + timedelta(days=redeemed.terms.days or 0),
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """So much of a trial to be given anew. ``mark`` names the grant whose ended units these are."""

    unit: str
    amount: Decimal
    ends_at: datetime
    mark: str


def _parts(unit: str, grants: list[Grant]) -> list[_Part]:
    """Take back what is unspent of a unit's trial grants, and find what ended unused of each.

    An ended part comes back once: what was given anew for it has its grant's id in the source.
    """
    now = clock.now()
    ends_at = max([now, *(grant.expires_at for grant in grants if grant.expires_at)])
    voided, ended = Decimal(0), []
    for grant in grants:
        voided += functions.grant_void(
            organization_id=grant.organization_id, grant_id=grant.id, replaced=True
        )
        grant.refresh_from_db()
        mark = f":{grant.id}"
        given = sum(one.amount for one in grants if one.source.endswith(mark))
        if grant.expired > given:
            ended.append(_Part(unit, grant.expired - given, ends_at, mark))
    return [_Part(unit, voided, ends_at, ""), *ended] if voided else ended
