"""Credit that money brought: what is unspent of it can be taken back when the money goes back."""

from decimal import Decimal

from django.db.models import F, QuerySet, Sum

from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.ledger.errors import GrantSpent
from billing.ledger.models import Grant, GrantKind
from billing.ledger.services import balance_grant, balance_void


def credit_left(organization: OrganizationRef, currency: str, source: str) -> Decimal:
    """Return what is unspent of a source's credit; what holds pin is as good as spent."""
    rest = F("amount") - F("held") - F("consumed") - F("expired") - F("voided")
    return _given(organization, currency, source).aggregate(left=Sum(rest))["left"] or Decimal(0)


def credit_take(
    organization: OrganizationRef,
    actor: Actor,
    *,
    currency: str,
    source: str,
    most: Decimal,
    name: str,
    reason: str,
) -> Decimal:
    """Take back what is unspent of a source's credit, ``most`` at most; return how much.

    A grant is taken back whole: what goes beyond is given anew, once per ``name``. The account is
    locked.
    """
    voided = Decimal(0)
    for grant in _given(organization, currency, source).order_by("id"):
        try:
            voided += balance_void(
                organization=organization, actor=actor, grant_id=grant.id, reason=reason
            )
        except GrantSpent:
            continue
    if voided > most:
        balance_grant(
            organization=organization,
            actor=actor,
            unit=currency,
            amount=voided - most,
            kind=GrantKind.PURCHASED,
            source=f"{source}:{name}",
            reason=f"What is left of it. {reason}",
            rest=True,
        )
    return min(voided, most)


def _given(organization: OrganizationRef, currency: str, source: str) -> QuerySet[Grant]:
    """Return the source's grants: the first, and what was given anew of it."""
    rows: QuerySet[Grant] = Grant.objects.filter(
        organization_id=organization.id, unit=currency, source__startswith=source
    )
    return rows
