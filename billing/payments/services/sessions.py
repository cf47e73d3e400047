"""From what the provider says of a page to what follows: a payment, a card, a plan."""

from typing import Any, cast

from django.db import transaction

from anneal.kernel.errors import DomainError
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.services import invoices_close
from billing.ledger import functions
from billing.payments.contracts import (
    CardsRead,
    CheckoutState,
    ProviderIntent,
    ProviderSession,
    Purpose,
)
from billing.payments.models import CheckoutSession
from billing.payments.services.cards import cards_mirror
from billing.payments.services.settling import attempt_expire, intent_settle
from billing.plans.services import subscription_change, subscription_locked


def session_settle(
    *,
    organization: OrganizationRef,
    session: ProviderSession,
    intent: ProviderIntent | None,
    cards: CardsRead | None,
) -> CheckoutState | None:
    """Do once what a page's end asks for; return its state, None if it is none of ours."""
    require_scope(organization)
    mine = CheckoutSession.objects.filter(organization_id=organization.id, ref=session.ref)
    if mine.filter(purpose=Purpose.PLAN).exists():
        # The plan's locks come before the account's.
        subscription_locked(organization)
    functions.account_open(organization_id=organization.id)
    row = mine.first()
    if row is None:
        return None
    if session.state == CheckoutState.COMPLETE:
        if intent is not None:
            intent_settle(organization=organization, intent=intent)
        if cards is not None:
            cards_mirror(organization=organization, cards=cards)
    if session.state == CheckoutState.OPEN or row.state != CheckoutState.OPEN:
        return CheckoutState(row.state)
    row.state = session.state.value
    if session.state == CheckoutState.EXPIRED and row.attempt is not None:
        attempt_expire(organization=organization, row=row.attempt)
    if session.state == CheckoutState.COMPLETE and row.purpose == Purpose.PLAN:
        row.error = _plan_begin(organization, row)
    row.save(update_fields=["state", "error"])
    return session.state


def _plan_begin(organization: OrganizationRef, row: CheckoutSession) -> str:
    """Go on the plan that the card was saved for; a plan gone meanwhile leaves the card."""
    kind = cast("Any", row.actor_kind)
    actor = Actor(kind=kind, id=row.actor_id, label=row.actor_label)
    try:
        with transaction.atomic():
            subscription_change(
                organization=organization,
                actor=actor,
                plan=row.plan,
                time_zone=row.time_zone or None,
            )
            # At once, not with the next round: whoever comes back looks for the invoice.
            invoices_close(organization=organization)
    except DomainError as error:
        return error.code
    return ""
