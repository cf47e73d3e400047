"""Telling Stripe's meters what was frozen: in order, and each unit once, whenever we were killed.

Stripe refuses an identifier that it knows for a day, so what we do not know to have arrived is sent
again. After that day its own sum of the hour says whether it had arrived.
"""

import logging
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from django.db.models import Exists, OuterRef, Sum

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.payments.contracts import ExportState, MeterEventWanted
from billing.payments.errors import ProviderAway, ProviderRefused
from billing.payments.models import MeterExport
from billing.payments.provider import Provider, provider_current
from billing.payments.services.customers import customer_ref
from billing.payments.services.export_freeze import meters_exported
from tenants.accounts.models import Organization

logger = logging.getLogger(__name__)

_MOST: Final = 1000
"""Rows a run sends; the next one goes on."""
_LEASE: Final = timedelta(minutes=2)
_KNOWN: Final = timedelta(hours=23)
"""How long Stripe surely knows an identifier: it says a day at least."""
_WAIT_MOST: Final = 3600
_PATIENCE: Final = 3
"""Answers missing one after the other, after which Stripe is away and the run ends."""
_DIGITS: Final = Context(prec=15, rounding=ROUND_HALF_EVEN)
"""What a float tells exactly: Stripe sums in floats."""


def exports_send() -> int:
    """Tell what waits and is due; return how many units' rows arrived. Opens its own scopes.

    Of one organization's meter one row is under way at a time, in order of hours. What Stripe does
    not take is parked and keeps nobody else waiting.
    """
    sent = missed = 0
    for _ in range(_MOST):
        found = _claim() if missed < _PATIENCE else None
        if found is None:
            break
        answered, arrived = _send(*found)
        missed = 0 if answered else missed + 1
        sent += arrived
    return sent


def export_faults() -> list[str]:
    """Return what an operator has to look at, in sentences. System scope."""
    parked = MeterExport.objects.filter(state=ExportState.PARKED).order_by("-id").first()
    late = MeterExport.objects.filter(
        state=ExportState.WAITING,
        meter__in=meters_exported(),
        hour__lt=clock.now() - timedelta(days=1),
    )
    faults = []
    if parked is not None:
        faults.append(
            f"Stripe does not take some meter events, the newest because: {parked.error}"
            " Mend it, then have it sent again: Meter exports in the console, or manage.py"
            " meter_exports --retry."
        )
    if late.exists():
        faults.append("Meter events have waited for Stripe for a day: see manage.py meter_exports.")
    return faults


def _claim() -> tuple[MeterExport, OrganizationRef] | None:
    """Take the next row for two minutes, the first of its organization's meter."""
    now = clock.now()
    earlier = MeterExport.objects.filter(
        organization_id=OuterRef("organization_id"),
        meter=OuterRef("meter"),
        state=ExportState.WAITING,
        id__lt=OuterRef("id"),
    )
    with system_scope("meter export claim"):
        row: MeterExport | None = (
            MeterExport.objects.filter(
                ~Exists(earlier),
                state=ExportState.WAITING,
                meter__in=meters_exported(),
                next_try_at__lte=now,
            )
            .order_by("next_try_at", "id")
            .select_for_update(skip_locked=True)
            .first()
        )
        if row is None:
            return None
        row.tries, row.next_try_at = row.tries + 1, now + _LEASE
        row.save(update_fields=["tries", "next_try_at"])
        owner = Organization.objects.get(id=row.organization_id)
        return row, OrganizationRef(owner.id, owner.slug)


def _send(row: MeterExport, organization: OrganizationRef) -> tuple[bool, bool]:
    """Tell a row; say whether Stripe answered, and whether it has the row now."""
    try:
        provider = provider_current()
        customer = customer_ref(organization, provider)
        if not _has_arrived(row, provider, customer):
            _asked(row)
            provider.meter_tell(
                MeterEventWanted(
                    customer=customer,
                    event_name=row.event_name,
                    units=row.units,
                    at=row.hour,
                    identifier=row.identifier,
                    # Stripe repeats an answer under its key, a failure too: each try has its own.
                    key=f"{row.identifier}:{row.tries}",
                )
            )
    except ProviderRefused as error:
        _park(row, organization, error)
        return True, False
    except Exception as error:
        if not isinstance(error, ProviderAway):
            logger.exception("meter export failed", extra={"export": str(row.id)})
        _mark(row, next_try_at=_later(row), error=_text(error.__cause__ or error))
        return False, False
    _mark(row, state=ExportState.SENT.value, sent_at=clock.now(), error="")
    return True, True


def _has_arrived(row: MeterExport, provider: Provider, customer: str) -> bool:
    """Look whether what was sent more than a day ago was counted. Raises ProviderRefused."""
    if row.asked_at is None or clock.now() < row.asked_at + _KNOWN:
        return False
    with system_scope("meter export look"):
        hour = MeterExport.objects.filter(
            organization_id=row.organization_id,
            event_name=row.event_name,
            hour=row.hour,
            state=ExportState.SENT,
        )
        known = hour.aggregate(total=Sum("units"))["total"] or Decimal(0)
    counted = provider.meter_counted(event_name=row.event_name, customer=customer, hour=row.hour)
    told, without, beside = map(_DIGITS.create_decimal, (counted, known, known + row.units))
    if told in (without, beside) and without != beside:
        return told == beside
    raise ProviderRefused(
        f"Stripe counts {counted} of '{row.event_name}' in this hour and was told {known}: nobody"
        f" knows whether {row.units.normalize():f} more arrived. Correct it at Stripe."
    )


def _asked(row: MeterExport) -> None:
    """Note that Stripe is told now, before it is: whoever is killed after it knows that much."""
    if row.asked_at is None:
        _mark(row, asked_at=clock.now())


def _mark(row: MeterExport, **changes: object) -> None:
    with system_scope("meter export mark"):
        MeterExport.objects.filter(id=row.id, state=ExportState.WAITING).update(**changes)


def _park(row: MeterExport, organization: OrganizationRef, error: ProviderRefused) -> None:
    _mark(row, state=ExportState.PARKED.value, error=_text(error))
    with system_scope("meter export parked"):
        audit_record(
            actor=SYSTEM_ACTOR,
            action="meter_export.park",
            target=public_id("mex_", row.id),
            detail={"meter": row.meter, "error": _text(error)},
            organization=organization,
        )


def _later(row: MeterExport) -> datetime:
    return clock.now() + timedelta(seconds=min(30 * 2 ** min(row.tries, 7), _WAIT_MOST))


def _text(error: BaseException) -> str:
    return str(error)[:500]
