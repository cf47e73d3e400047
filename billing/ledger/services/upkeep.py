"""What time does to the ledger: holds and grants end."""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from billing.ledger import functions
from billing.ledger.models import Hold
from billing.ledger.services.faults import BOOK_ERRORS, books_fault

BATCH = 1000


def holds_expire() -> int:
    """End one batch of holds nobody settled; return how many. A full batch: there may be more.

    Runs in a system scope. An account whose books are wrong keeps its own holds open until they
    are right, and nobody else's: it is parked, and the operators are told.
    """
    try:
        with transaction.atomic():
            return functions.hold_reap(most=BATCH)
    except BOOK_ERRORS:
        late = Hold.objects.filter(state="held", expires_at__lt=Now())
        organizations = late.order_by().values_list("organization_id", flat=True).distinct()
        return sum(_expire_of(organization_id) for organization_id in organizations)


def grants_end() -> int:
    """Begin and end one batch of grants that are due; return how many balances changed.

    Runs in a system scope. A full batch means there may be more.
    """
    return functions.ledger_sweep(most=BATCH)


def _expire_of(organization_id: UUID) -> int:
    late = Hold.objects.filter(
        organization_id=organization_id, state="held", expires_at__lt=Now()
    ).order_by("expires_at")
    ends = [
        {"hold_id": str(hold), "organization_id": str(organization_id), "outcome": "expired"}
        for hold in late.values_list("id", flat=True)[:BATCH]
    ]
    try:
        with transaction.atomic():
            return functions.holds_settle(ends).count("released")
    except BOOK_ERRORS as error:
        books_fault(organization_id=organization_id, error=str(error))
        return 0
