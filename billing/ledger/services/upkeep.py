"""What time does to the ledger: holds and grants end."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db.models.functions import Now

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.ledger import functions
from billing.ledger.models import Balance, Hold
from billing.ledger.services.faults import BOOK_ERRORS, books_fault

BATCH = 1000
_REASON: Final = "ledger reap"


def holds_expire() -> int:
    """End one batch of holds nobody settled; return how many. A full batch: there may be more.

    Opens system scopes of its own. An account whose books are wrong keeps its own holds open until
    they are right, and nobody else's: it is parked, and the operators are told. Then each account
    is a transaction of its own: one that locked several, one after the other, would meet a
    gateway's batch that locked them in another order.
    """
    try:
        with system_scope(_REASON):
            return functions.hold_reap(most=BATCH)
    except BOOK_ERRORS:
        return sum(map(_expire_of, _owners(Hold, state="held", expires_at__lt=Now())))


def grants_end() -> int:
    """Begin and end one batch of grants that are due; return how many balances changed.

    A full batch means there may be more. Opens system scopes of its own, and does as `holds_expire`
    with an account whose books are wrong.
    """
    try:
        with system_scope(_REASON):
            return functions.ledger_sweep(most=BATCH)
    except BOOK_ERRORS:
        return sum(map(_end_of, _owners(Balance, next_change_at__lte=clock.now())))


def calls_forget() -> int:
    """Forget one batch of kept answers whose day is over; return how many."""
    with system_scope(_REASON):
        return functions.calls_forget(most=BATCH)


def _owners(model: type[Hold] | type[Balance], **due: Any) -> Iterator[UUID]:
    """Yield whose rows are due, in order; a list of everybody would grow with the installation."""
    after = UUID(int=0)
    while True:
        with system_scope(_REASON):
            rows = model.objects.filter(organization_id__gt=after, **due)
            found = rows.order_by("organization_id").values_list("organization_id", flat=True)
            batch = list(found.distinct()[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1]


def _end_of(organization_id: UUID) -> int:
    try:
        with system_scope(_REASON):
            return functions.ledger_sweep(most=BATCH, only_of=organization_id)
    except BOOK_ERRORS as error:
        _fault(organization_id, str(error))
    return 0


def _expire_of(organization_id: UUID) -> int:
    try:
        with system_scope(_REASON):
            late = Hold.objects.filter(
                organization_id=organization_id, state="held", expires_at__lt=Now()
            ).order_by("expires_at")
            ends = [
                {
                    "hold_id": str(hold),
                    "organization_id": str(organization_id),
                    "outcome": "expired",
                }
                for hold in late.values_list("id", flat=True)[:BATCH]
            ]
            return functions.holds_settle(ends).count("released")
    except BOOK_ERRORS as error:
        _fault(organization_id, str(error))
    return 0


def _fault(organization_id: UUID, error: str) -> None:
    with system_scope(_REASON):
        books_fault(organization_id=organization_id, error=error)
