"""Acting on the provider's events: what each is about is read again, so their order is nothing."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope, system_scope
from billing.payments.contracts import (
    CardsRead,
    DisputeRead,
    EventState,
    ProviderIntent,
    ProviderRefund,
    ProviderSession,
)
from billing.payments.models import PaymentCustomer, ProviderEventRow
from billing.payments.provider import Provider, provider_current
from billing.payments.services.cards import cards_mirror, cards_read
from billing.payments.services.returning import dispute_book, dispute_read, refund_book
from billing.payments.services.sessions import session_settle
from billing.payments.services.settling import intent_settle
from tenants.accounts.models import Organization

logger = logging.getLogger(__name__)

_LEASE: Final = timedelta(minutes=2)
_WAITS: Final = (5, 30, 120, 600, 3600, 3600, 3600, 3600, 3600, 3600)
"""Seconds after each try that failed."""
_CARDS: Final = frozenset({"setup_intent", "payment_method", "customer"})
_OF_PAYMENTS: Final = frozenset({"refund", "dispute"})
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class _Told:
    """What an event is about, as it is now."""

    intent: ProviderIntent | None = None
    session: ProviderSession | None = None
    cards: CardsRead | None = None
    refund: ProviderRefund | None = None
    dispute: DisputeRead | None = None


def events_due() -> list[str]:
    """Return events that wait for another try, oldest first. System scope."""
    rows = ProviderEventRow.objects.filter(
        state=EventState.WAITING, next_try_at__lte=clock.now()
    ).order_by("next_try_at")
    return list(rows.values_list("ref", flat=True)[:_BATCH])


def event_process(ref: str) -> bool:
    """Act on an event; say whether that was done now. Opens its own scopes.

    Its effect and its mark are one transaction. Whatever fails is tried again, later each time.
    """
    row = _claim(ref)
    if row is None:
        return False
    try:
        provider = provider_current()
        intent = _intent(provider, row)
        organization = _organization(row.customer_ref or (intent.customer if intent else ""))
        told = _look(provider, row, intent) if organization is not None else _Told()
        with system_scope("payment event"):
            return _apply(row, organization, told)
    except Exception as error:
        logger.exception("payment event failed", extra={"event": ref})
        with system_scope("payment event failed"):
            _failed(row, error)
        return False


def _claim(ref: str) -> ProviderEventRow | None:
    """Take an event for two minutes: no transaction waits for the provider meanwhile."""
    now = clock.now()
    with system_scope("payment event claim"):
        row: ProviderEventRow | None = (
            ProviderEventRow.objects.filter(ref=ref, state=EventState.WAITING, next_try_at__lte=now)
            .select_for_update(skip_locked=True)
            .first()
        )
        if row is None:
            return None
        row.tries, row.next_try_at = row.tries + 1, now + _LEASE
        row.save(update_fields=["tries", "next_try_at"])
    return row


def _intent(provider: Provider, row: ProviderEventRow) -> ProviderIntent | None:
    """Read the payment that a refund or a dispute is about: they may be told of before it is."""
    if row.kind not in _OF_PAYMENTS or not row.intent_ref:
        return None
    return provider.intent_read(row.intent_ref)


def _organization(customer: str) -> OrganizationRef | None:
    """Return whose event it is; nobody's where the account is shared with another shop."""
    if not customer:
        return None
    with system_scope("payment event owner"):
        known = PaymentCustomer.objects.filter(ref=customer)
        owner = Organization.objects.filter(id__in=known.values("organization_id")).first()
        return OrganizationRef(owner.id, owner.slug) if owner is not None else None


def _look(provider: Provider, row: ProviderEventRow, intent: ProviderIntent | None) -> _Told:
    """Read again what the event is about. Outside of scopes."""
    if row.kind == "payment_intent":
        return _Told(intent=provider.intent_read(row.object_ref))
    if row.kind == "checkout.session":
        session = provider.session_read(row.object_ref)
        intent = provider.intent_read(session.intent) if session.intent else None
        return _Told(intent=intent, session=session, cards=cards_read(provider, row.customer_ref))
    if row.kind in _CARDS:
        return _Told(cards=cards_read(provider, row.customer_ref))
    if row.kind == "refund":
        return _Told(intent=intent, refund=provider.refund_read(row.object_ref))
    if row.kind == "dispute":
        return _Told(intent=intent, dispute=dispute_read(provider, row.object_ref))
    return _Told()


def _apply(row: ProviderEventRow, organization: OrganizationRef | None, told: _Told) -> bool:
    """Mark the event and do what it asks for, unless another process has done so meanwhile."""
    waiting = ProviderEventRow.objects.filter(id=row.id, state=EventState.WAITING)
    if not waiting.update(state=EventState.DONE.value, done_at=clock.now(), error=""):
        return False
    if organization is None:
        return True
    require_scope(organization)
    if told.session is not None:
        session_settle(
            organization=organization,
            session=told.session,
            intent=told.intent,
            cards=told.cards,
        )
    elif told.intent is not None:
        intent_settle(organization=organization, intent=told.intent)
    elif told.cards is not None:
        cards_mirror(organization=organization, cards=told.cards)
    if told.refund is not None:
        refund_book(organization=organization, refund=told.refund)
    if told.dispute is not None:
        dispute_book(organization=organization, read=told.dispute)
    return True


def _failed(row: ProviderEventRow, error: Exception) -> None:
    """Note why, and try later: a deadlock or a provider that is away passes."""
    ended = row.tries > len(_WAITS)
    wait = timedelta(seconds=_WAITS[min(row.tries, len(_WAITS)) - 1])
    ProviderEventRow.objects.filter(id=row.id, state=EventState.WAITING).update(
        state=(EventState.FAILED if ended else EventState.WAITING).value,
        next_try_at=clock.now() + wait,
        error=f"{type(error).__name__}: {error}"[:500],
    )
