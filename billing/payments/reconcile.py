"""Payments, refunds and disputes held against the provider's own objects.

Of all organizations the provider lists its objects page after page, all or those since a moment; of
one organization each is read by its name. No scope is open while the provider is asked. What it may
have done a moment ago is told under a name of its own (`provider_state.`): that alerts and parks
nobody, and is left out while an event about it waits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, Scope, system_scope, tenant_scope
from billing.ledger.contracts import Drift
from billing.payments.contracts import (
    DISPUTE_LOST,
    DISPUTE_PREVENTED,
    REFUND_ASKED,
    REFUNDS_NOT_SENT,
    EventState,
    IntentStatus,
    ProviderDispute,
    ProviderIntent,
    ProviderRefund,
)
from billing.payments.errors import ProviderRefused
from billing.payments.models import Dispute, Payment, PaymentAttempt, ProviderEventRow, Refund
from billing.payments.provider import Provider, provider_current

_T = TypeVar("_T", ProviderIntent, ProviderRefund, ProviderDispute)
_PAGE: Final = 100
_UNHEARD: Final = timedelta(hours=25)
"""A page lives a day, and a sweep finds within minutes what nobody told."""
_STATE: Final = "provider_state."
_TAKEN: Final = frozenset({DISPUTE_LOST, DISPUTE_PREVENTED})


@dataclass
class _Look:
    """One comparison: whose rows, with whom, since when."""

    provider: Provider
    organization: OrganizationRef | None
    since: datetime | None
    drifts: list[Drift] = field(default_factory=list)
    begun: datetime = field(default_factory=clock.now)
    later_ids: UUID = field(default_factory=uuid7)
    """What is booked while the provider lists has an id from here on."""

    def scope(self) -> AbstractContextManager[Scope]:
        if self.organization is not None:
            return tenant_scope(self.organization)
        return system_scope("reconcile payments")

    def named(self, rows: QuerySet[Any], column: str) -> QuerySet[Any]:
        """Return rows that this provider knows; of another one, used before, nobody is asked."""
        return rows.filter(**{f"{column}__regex": f"^({'|'.join(self.provider.prefixes)})"})

    def differ(
        self, check: str, row: Model | UUID, subject: str, expected: int, found: int
    ) -> None:
        if expected != found:
            whose = row if isinstance(row, UUID) else row.organization_id  # type: ignore[attr-defined] # every row has it
            self.drifts.append(Drift(check, whose, subject, Decimal(expected), Decimal(found)))


def provider_drift(
    organization: OrganizationRef | None, since: datetime | None
) -> tuple[Drift, ...]:
    """Return what the provider says otherwise. Opens its own scopes. Raises ProviderAway."""
    look = _Look(provider_current(), organization, since)
    _payments(look)
    _refunds(look)
    _disputes(look)
    return tuple(_heard(look.drifts))


def _payments(look: _Look) -> None:
    rows = look.named(Payment.objects.all(), "intent_ref")
    told = _told(
        look,
        look.named(PaymentAttempt.objects.all(), "intent_ref"),
        "intent_ref",
        (look.provider.intent_read, look.provider.intents_since),
    )
    seen: set[str] = set()
    for page in _pages(told):
        with look.scope():
            known = {
                row.intent_ref: row for row in rows.filter(intent_ref__in=[one.ref for one in page])
            }
            for intent in page:
                row = known.get(intent.ref)
                paid = intent.status == IntentStatus.SUCCEEDED
                if row is not None and (paid or row.id < look.later_ids):
                    same = paid and intent.currency == row.currency
                    same = same and intent.attempt_id in (None, row.attempt_id)
                    expected = intent.amount_minor if same else 0
                    look.differ("provider.payment", row, intent.ref, expected, row.amount_minor)
                elif row is None and paid:
                    _unbooked(look, intent)
        seen.update(known)
    _missing(look, rows.filter(id__lt=look.later_ids), "intent_ref", seen)


def _unbooked(look: _Look, intent: ProviderIntent) -> None:
    """Name money for a try of ours that nobody booked long after it must have been told."""
    row = PaymentAttempt.objects.filter(
        id=intent.attempt_id, created_at__lt=clock.now() - _UNHEARD
    ).first()
    if row is not None:
        look.differ("provider.unbooked", row, intent.ref, intent.amount_minor, 0)


def _refunds(look: _Look) -> None:
    rows = look.named(Refund.objects.all(), "ref")
    told = _told(look, rows, "ref", (look.provider.refund_read, look.provider.refunds_since))
    seen: set[str] = set()
    for page in _pages(told):
        with look.scope():
            known = {row.ref: row for row in rows.filter(ref__in=[one.ref for one in page])}
            apart = _paid_of(page, known)
            for refund in page:
                row = known.get(refund.ref)
                sent = refund.amount_minor if refund.state not in REFUNDS_NOT_SENT else 0
                if row is not None:
                    same = refund.amount_minor if refund.currency == row.currency else 0
                    look.differ("provider.refund", row, refund.ref, same, row.amount_minor)
                    ours = row.amount_minor if row.state not in REFUNDS_NOT_SENT else 0
                    if same == row.amount_minor:
                        look.differ(f"{_STATE}refund", row, refund.ref, sent, ours)
                elif refund.intent in apart:
                    whose = apart[refund.intent]
                    look.differ(f"{_STATE}refund_unknown", whose, refund.ref, sent, 0)
        seen.update(known)
    _missing(look, rows.filter(asked_at__lt=look.begun), "ref", seen)


def _paid_of(page: Sequence[ProviderRefund], known: dict[str, Any]) -> dict[str, UUID]:
    """Return whose payments the refunds are of that no row of ours names and none is asked for."""
    refs = [one.intent for one in page if one.ref not in known]
    rows = Payment.objects.filter(intent_ref__in=refs).exclude(refunds__state=REFUND_ASKED)
    return dict(rows.values_list("intent_ref", "organization_id"))


def _disputes(look: _Look) -> None:
    rows = Dispute.objects.all()
    told = _told(
        look,
        look.named(rows, "ref"),
        "ref",
        (look.provider.dispute_read, look.provider.disputes_since),
    )
    for page in _pages(told):
        with look.scope():
            known = {row.ref: row for row in rows.filter(ref__in=[one.ref for one in page])}
            payments = Payment.objects.filter(intent_ref__in=[one.intent for one in page])
            paid = dict(payments.values_list("intent_ref", "organization_id"))
            for dispute in page:
                row = known.get(dispute.ref)
                whose = row.organization_id if row else paid.get(dispute.intent)
                if whose is None:
                    continue
                taken = dispute.taken_minor
                ours = row.amount_minor if row and row.booked and row.state in _TAKEN else 0
                if taken and ours:
                    look.differ("provider.dispute", whose, dispute.ref, taken, ours)
                else:
                    look.differ(f"{_STATE}dispute", whose, dispute.ref, taken, ours)


def _told(
    look: _Look,
    rows: QuerySet[Any],
    column: str,
    ask: tuple[Callable[[str], _T], Callable[[datetime | None], Iterator[_T]]],
) -> Iterator[_T]:
    """Yield the provider's objects: of one organization by name, of all as they are listed."""
    read, listed = ask
    if look.organization is None:
        yield from listed(look.since)
        return
    with look.scope():
        refs = list(rows.values_list(column, flat=True).order_by(column).distinct())
    for ref in refs:
        try:
            yield read(ref)
        except ProviderRefused:
            continue


def _pages(told: Iterable[_T]) -> Iterator[list[_T]]:
    going = iter(told)
    while page := list(islice(going, _PAGE)):
        yield page


def _missing(look: _Look, rows: QuerySet[Any], column: str, seen: set[str]) -> None:
    """Name rows whose object the provider does not have: of another account, or invented."""
    if look.since is not None:
        return
    last = UUID(int=0)
    while True:
        with look.scope():
            page = list(rows.filter(id__gt=last).order_by("id")[: _PAGE * 10])
        if not page:
            return
        for row in page:
            if getattr(row, column) not in seen:
                look.differ(f"{_STATE}missing", row, getattr(row, column), 0, row.amount_minor)
        last = page[-1].id


def _heard(drifts: Sequence[Drift]) -> Iterator[Drift]:
    """Yield the drifts but those of a state about which an event waits."""
    subjects = [drift.subject for drift in drifts if drift.check.startswith(_STATE)]
    with system_scope("reconcile payments"):
        waiting = set(
            ProviderEventRow.objects.filter(
                state=EventState.WAITING, object_ref__in=subjects
            ).values_list("object_ref", flat=True)
        )
    for drift in drifts:
        if not drift.check.startswith(_STATE) or drift.subject not in waiting:
            yield drift
