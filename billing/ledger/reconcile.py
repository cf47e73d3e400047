"""Proof that every number of the ledger tells the same story: one statement, so one snapshot.

It never mends: an account whose numbers differ takes no new holds until a person has looked. The
hourly run looks at those organizations alone in whose books something happened, decision 0020.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.mail import send_mail
from django.db import connection
from django.db.models import Q

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, current_scope, system_scope, tenant_scope
from billing.ledger.checks import CHANGED, CHECKS, CHECKS_OF_SOME, OPEN, TABLES
from billing.ledger.checks_exported import EXPORTED, EXPORTED_OF_SOME, EXPORTED_TABLES
from billing.ledger.checks_invoiced import (
    INVOICED,
    INVOICED_OF_SOME,
    INVOICED_TABLES,
    NUMBERS,
)
from billing.ledger.checks_paid import PAID, PAID_OF_SOME, PAID_TABLES
from billing.ledger.checks_sold import CODES, SOLD, SOLD_OF_SOME, SOLD_TABLES
from billing.ledger.contracts import Drift, ReconcileReport
from billing.ledger.models import CustomerAccount
from billing.ledger.services.parking import account_park
from billing.metering.models import ReconcileRun
from billing.metering.reconcile import MOST, usage_drift
from tenants.accounts.models import Organization, User

logger = logging.getLogger(__name__)

KEPT: Final = 100
"""Differences a run's row keeps; the log has them all."""
PARK_NOBODY: Final = ("rollups.", "months.", "exports.", "refunds.note", "provider_state.")
"""Checks that alert and park nobody: of sums that no bill depends on (an event changed after it was
summed is a difference of its own that parks), of money that a customer waits for, and of what a
provider may have done a moment ago."""
INSTALLATION: Final = "installation"
"""Whose a number is that no account has."""

_KINDS: Final = (
    (SOLD, SOLD_OF_SOME, SOLD_TABLES),
    (INVOICED, INVOICED_OF_SOME, INVOICED_TABLES),
    (PAID, PAID_OF_SOME, PAID_TABLES),
    (EXPORTED, EXPORTED_OF_SOME, EXPORTED_TABLES),
)
"""Checks beside the ledger's own: of all, of some, and how often the ids of some are asked for."""
WHOLE_EVERY: Final = timedelta(days=1)
MARGIN: Final = timedelta(hours=2)
"""Looked back beyond the last run: for transactions that were open then, ids made by another clock
and hours that were not summed yet."""
Witness = Callable[[OrganizationRef | None, datetime | None], Iterable[Drift]]
"""Compares our rows with what somebody outside keeps, of one organization or all, since a moment or
ever. It is asked while no scope is open, and raises a DomainError where nobody answers."""
_witnesses: Final[list[Witness]] = []


def witness_add(witness: Witness) -> None:
    """Have every run ask somebody outside too. Called by the apps above, once, as they start."""
    _witnesses.append(witness)


def ledger_drift(some: Sequence[UUID] | None = None) -> tuple[Drift, ...]:
    """Return what differs in the open scope: one organization's, the system's for all or ``some``.

    More than `MOST` are cut, but for one of each check and organization.
    """
    if some is None:
        whole = (_drifts(checks, [MOST]) for checks in (CHECKS, *(kind[0] for kind in _KINDS)))
        return tuple(drift for found in whole for drift in found)
    of_some = _drifts(CHECKS_OF_SOME, [*[list(some)] * TABLES, MOST])
    kinds = (
        drift
        for _, checks, tables in _KINDS
        for drift in _drifts(checks, [*[list(some)] * tables, MOST])
    )
    return tuple(dict.fromkeys((*of_some, *_drifts(OPEN, [MOST]), *kinds)))


def _drifts(statement: str, values: list[Any]) -> tuple[Drift, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return tuple(Drift(*row) for row in cursor.fetchall())


def reconcile(
    *, organization: OrganizationRef | None = None, changed: bool = False, outside: bool = True
) -> ReconcileReport:
    """Compare everything, of one organization or of all; park, log and record what differs.

    ``changed`` leaves out the organizations in whose books nothing happened since the last run, as
    long as that run found nothing and one of all is not a day old. ``outside``: the payment
    provider is asked too. Opens its own scopes, so none may be open: one to read in, one to write
    what was found.
    """
    run, since = ReconcileRun(created_at=clock.now()), None
    if organization is None:
        with system_scope("reconcile"):
            run.read_at, some = database_now(), organizations_changed() if changed else None
            if some is not None:
                run.organizations, since = len(some), _since()
            drifts = drifts_read(some)
    else:
        run.organization_id = organization.id
        with tenant_scope(organization):
            drifts = drifts_read()
    told, away = _outside(organization, since) if outside else ((), ())
    drifts = (*drifts, *told)
    with system_scope("reconcile"):
        parked = _park(drifts)
        fresh = _record(run, drifts, parked)
    for drift in drifts:
        logger.error(
            "drift: %s of %s, %s: expected %s, found %s",
            drift.check,
            drift.organization_id,
            drift.subject,
            drift.expected,
            drift.found,
        )
    return ReconcileReport(run.id, drifts, tuple(ref.slug for ref in parked), fresh, away)


def _outside(
    organization: OrganizationRef | None, since: datetime | None
) -> tuple[tuple[Drift, ...], tuple[str, ...]]:
    """Return what those outside say otherwise, and why one did not answer."""
    drifts: list[Drift] = []
    away: list[str] = []
    for witness in _witnesses:
        try:
            drifts += witness(organization, since)
        except DomainError as error:
            logger.warning("reconcile: nobody answered: %s", error)
            away.append(str(error))
    return tuple(drifts), tuple(away)


def _since() -> datetime | None:
    """Return from when on an hourly run looks: the last one's moment, less a margin."""
    runs = ReconcileRun.objects.filter(organization_id=None, read_at__isnull=False)
    read_at = runs.order_by("-id").values_list("read_at", flat=True).first()
    return read_at - MARGIN if read_at else None


def operators_alert(report: ReconcileReport) -> int:
    """Write to the operators what differs; return to how many.

    It is one message to all, so that a fault sends nobody a second one. Then the run is marked:
    what could not be sent is fresh again at the next run. No scope is open while it is sent.
    """
    emails = _operators()
    if not report.drifts or not emails:
        return 0
    lines = [
        f"{drift.check}  organization {drift.organization_id or INSTALLATION}  {drift.subject}:"
        f" expected {drift.expected}, found {drift.found}"
        for drift in report.drifts[:KEPT]
    ]
    with system_scope("reconcile alert"):
        # Also those of earlier runs: the alert of the run that parked them may not have been sent.
        stopped = CustomerAccount.objects.filter(
            parked_at__isnull=False,
            organization_id__in={each.organization_id for each in report.drifts} - {None},
        ).values("organization_id")
        slugs = Organization.objects.filter(id__in=stopped).order_by("slug")
        parked = ", ".join(slugs.values_list("slug", flat=True)) or "none"
    text = (
        f"The books differ in {len(report.drifts)} places. Nothing was changed.\n"
        f"Accounts parked, which take no new holds: {parked}.\n\n" + "\n".join(lines) + "\n\n"
        "See Reconciliations in the console, and `manage.py reconcile --organization SLUG`.\n"
    )
    send_mail("Anneal: the books differ", text, None, emails)
    with system_scope("reconcile alert"):
        ReconcileRun.objects.filter(id=report.run_id).update(alerted_at=clock.now())
    return len(emails)


def fault_alert(organization: OrganizationRef) -> None:
    """Tell the operators that an account's books refused a booking, with what differs in them."""
    report = reconcile(organization=organization, outside=False)
    if report.drifts:
        operators_alert(report)
    elif emails := _operators():
        with system_scope("ledger fault"):
            account = CustomerAccount.objects.filter(organization_id=organization.id).first()
            reason = account.parked_reason if account is not None else ""
        text = (
            f"Postgres refused a booking of {organization.slug}. Its account was parked and takes"
            f" no new holds.\n\n{reason or 'It was freed since.'}\n\nNo comparison finds a"
            " difference in its books: this is a fault of Anneal, please report it.\n"
        )
        send_mail("Anneal: an account was stopped", text, None, emails)


def _operators() -> list[str]:
    return list(User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True))


def organizations_changed() -> tuple[UUID, ...] | None:
    """Return whose books have to be looked at since the last good run; None for all.

    Nobody's may be left out after a run that found something: what differs would seem mended.
    """
    runs = ReconcileRun.objects.filter(organization_id=None, read_at__isnull=False).order_by("-id")
    last, whole = runs.first(), runs.filter(organizations=None, drifts=0).first()
    if last is None or last.drifts or whole is None or last.read_at is None:
        return None
    if whole.read_at is None or whole.read_at < database_now() - WHOLE_EVERY:
        return None
    since = max(last.read_at - MARGIN, datetime.fromtimestamp(0, UTC))
    floor = UUID(int=int(since.timestamp() * 1000) << 80)
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, {"since": floor, "moment": since})
        return tuple(row[0] for row in cursor.fetchall())


def database_now() -> datetime:
    """Return the moment by the clock that the ids of the books are made with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    moment: datetime = now
    return moment


def drifts_read(some: Sequence[UUID] | None = None) -> tuple[Drift, ...]:
    """Return every difference, of ledger and usage, in the open scope."""
    usage = (
        Drift(each.check, each.organization_id, each.subject, each.expected, each.found)
        for each in usage_drift(some)
    )
    scope = current_scope()
    everybodys: tuple[Drift, ...] = ()
    if scope and scope.organization is None:
        everybodys = (*_drifts(CODES, [MOST]), *_drifts(NUMBERS, [MOST]))
    return (*ledger_drift(some), *everybodys, *usage)


def _park(drifts: Iterable[Drift]) -> tuple[OrganizationRef, ...]:
    """Park the accounts whose money or usage differs; return those that were not parked before."""
    first: dict[UUID, Drift] = {}
    for drift in drifts:
        if drift.organization_id is not None and not drift.check.startswith(PARK_NOBODY):
            first.setdefault(drift.organization_id, drift)
    rows = Organization.objects.filter(id__in=first).order_by("id").values_list("id", "slug")
    return tuple(
        ref
        for ref in (OrganizationRef(*row) for row in rows)
        if account_park(
            organization=ref,
            actor=SYSTEM_ACTOR,
            reason=f"reconcile: {first[ref.id].check} {first[ref.id].subject}"[:500],
        )
    )


def _record(
    run: ReconcileRun, drifts: tuple[Drift, ...], parked: tuple[OrganizationRef, ...]
) -> bool:
    """Keep the run; say whether the operators have yet to hear of it.

    They have when the last run they were told of found the same, and none since found nothing.
    """
    details: list[dict[str, Any]] = [drift_json(drift) for drift in drifts]
    digest = hashlib.sha256(json.dumps(details).encode()).hexdigest() if details else ""
    told = (
        ReconcileRun.objects.filter(Q(alerted_at__isnull=False) | Q(drifts=0))
        .filter(organization_id=run.organization_id)
        .order_by("-id")
        .first()
    )
    run.finished_at, run.drifts, run.parked = clock.now(), len(drifts), len(parked)
    run.details, run.digest = details[:KEPT], digest
    run.save(force_insert=True)
    return bool(drifts) and (told is None or told.digest != digest)


def drift_json(drift: Drift) -> dict[str, str]:
    """Render one difference."""
    return {
        "check": drift.check,
        "organization": str(drift.organization_id or INSTALLATION),
        "subject": drift.subject,
        "expected": f"{drift.expected.normalize():f}",
        "found": f"{drift.found.normalize():f}",
    }
