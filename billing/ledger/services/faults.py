"""An account on whose books a function failed: it stops, and nobody else does."""

import logging
from typing import Final
from uuid import UUID

from django.db import DataError, IntegrityError, InternalError

from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef
from billing.ledger.services.parking import account_park
from tenants.accounts.models import Organization

FAULT_TASK: Final = "ledger.fault"
BOOK_ERRORS: Final = (DataError, IntegrityError, InternalError)
"""Postgres is there, and rows contradict what was asked: asking again alone changes nothing."""

logger = logging.getLogger(__name__)


def books_fault(*, organization_id: UUID, error: str) -> bool:
    """Park an account whose books refused a booking, and have the operators told.

    Runs in a system scope. Says whether it was not parked before: then it is told, once.
    """
    row = Organization.objects.filter(id=organization_id).values_list("id", "slug").first()
    if row is None:
        return False
    organization = OrganizationRef(*row)
    reason = f"the books refused a booking: {' '.join(error.split())}"[:500]
    logger.error("ledger.books_refused", extra={"organization": str(row[0]), "reason": reason})
    parked = account_park(organization=organization, actor=SYSTEM_ACTOR, reason=reason)
    if parked:
        payload = {"organization_id": str(organization.id), "slug": organization.slug}
        outbox_add(task=FAULT_TASK, queue="default", payload=payload)
    return parked
