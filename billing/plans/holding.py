"""Holding organizations to what their plan allows: files stored and seats taken."""

from typing import Final

from django.db import connection

from anneal.kernel.events import FileArriving, FileStored, SeatTaking
from anneal.kernel.scopes import OrganizationRef
from billing.plans.errors import seats_reached, storage_reached
from billing.plans.selectors import limits_in_force
from tenants.datasets.selectors import files_bytes

_GIGABYTE: Final = 10**9


def file_arriving(event: FileArriving) -> None:
    """Refuse a file that does not fit, before its bytes are moved."""
    _storage_check(event.organization, more=event.bytes, stored=False)


def file_stored(event: FileStored) -> None:
    """Refuse a file that does not fit beside those stored while it was on its way.

    One upload of an organization is looked at at a time, until its commit; the file itself is
    counted already.
    """
    _storage_check(event.organization, more=event.bytes, stored=True)


def seat_taking(event: SeatTaking) -> None:
    """Refuse one more person than the plan has seats."""
    found = limits_in_force(organization=event.organization)
    if found.limits.seats is not None and event.taken >= found.limits.seats:
        raise seats_reached(found, taken=event.taken)


def _storage_check(organization: OrganizationRef, *, more: int, stored: bool) -> None:
    found = limits_in_force(organization=organization)
    if found.limits.storage_gb is None:
        return
    if stored:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"storage:{organization.id}"],
            )
    others = files_bytes(organization=organization) - (more if stored else 0)
    if others + more > found.limits.storage_gb * _GIGABYTE:
        raise storage_reached(found, stored=others, more=more)
