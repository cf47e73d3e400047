"""What organizations store, counted once an hour in GB-hours of the meter `storage_gb_hour`.

The hour is charged as far as units and money go, and what they do not cover is kept as uncovered:
files are not deleted because a balance is used up. Where books refuse it, it is counted alone.

Counted are uploaded and produced files, model versions, their exports, and what jobs keep in
storage beside them. Rows know their sizes, so no object is looked at. The event's name is the
hour, so that an hour counts once however often, late or twice the task runs; an hour in which no
task ran at all is not billed.
"""

import logging
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from django.db import connection
from psycopg.errors import UniqueViolation

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import system_scope
from billing.ledger.services import BOOK_ERRORS, books_fault, usage_charge
from billing.metering.contracts import UsageEventNew
from billing.metering.services import usage_ingest

logger = logging.getLogger(__name__)

METER: Final = "storage_gb_hour"
SOURCE: Final = "storage"
GIGABYTE: Final = Decimal(10**9)
BATCH: Final = 100
"""Organizations whose balances are locked together, for as long as these are charged."""
_STEP: Final = Decimal("0.000000001")

# The lateral look-up goes by the key's index, whatever the planner believes of how many there are.
_STORED: Final = """
SELECT t.organization_id, t.bytes FROM (
SELECT organization_id, sum(bytes) AS bytes FROM (
  SELECT organization_id, bytes FROM datasets_file WHERE deleted_at IS NULL
  UNION ALL
  SELECT organization_id, artifact_bytes + evaluation_bytes FROM registry_modelversion
  UNION ALL
  SELECT organization_id, size FROM registry_modelexport
  UNION ALL
  SELECT s.organization_id, s.size FROM jobs_storedfiles s
  WHERE s.state = 'ready' AND NOT EXISTS (SELECT FROM registry_modelversion v
                                          WHERE v.organization_id = s.organization_id
                                            AND v.artifact_key = s.key)
) stored GROUP BY organization_id HAVING sum(bytes) > 0
) t LEFT JOIN LATERAL (
  SELECT true AS counted FROM metering_usageeventkey k
  WHERE k.organization_id = t.organization_id AND k.source = %s AND k.event_id = %s OFFSET 0
) known ON true
WHERE known.counted IS NULL ORDER BY t.organization_id
"""


def storage_count() -> int:
    """Count the hour that runs; return for how many organizations.

    Opens its own scopes, one to read in and one per batch, so none may be open. What fails is
    logged and left for the next run; the others stay counted. Whose books refuse is parked.
    """
    hour = clock.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    name = f"{hour:%Y-%m-%dT%H}"
    with system_scope("storage use"), connection.cursor() as cursor:
        # An hour counted already may have another size by now: the first count stands.
        cursor.execute(_STORED, [SOURCE, name])
        events = [
            UsageEventNew(
                organization_id=organization_id,
                source=SOURCE,
                event_id=name,
                meter=METER,
                units=units,
                occurred_at=hour,
            )
            for organization_id, stored in cursor.fetchall()
            if (units := _gigabytes(stored)) > 0
        ]
    batches = (events[first : first + BATCH] for first in range(0, len(events), BATCH))
    return sum(_charge(batch, name) for batch in batches)


def _charge(events: list[UsageEventNew], name: str, *, again: bool = True) -> int:
    """Charge some; return how many count. Whoever's books make all fail is found by halving.

    A row that is there already may be another worker's, counting the same hour at the same moment:
    asked once ``again``, it is found. Whose it still contradicts, their books are at fault.
    """
    try:
        with system_scope("storage use"):
            usage_charge(events=events)
    except Exception as error:
        if again and isinstance(error.__cause__, UniqueViolation):
            return _charge(events, name, again=False)
        faulty = isinstance(error, BOOK_ERRORS)
        if len(events) > 1 and (faulty or isinstance(error, DomainError)):
            middle = len(events) // 2
            return _charge(events[:middle], name) + _charge(events[middle:], name)
        logger.exception(
            "storage use: %s not counted for %d organizations from %s on",
            name,
            len(events),
            events[0].organization_id,
        )
        if not faulty:
            return 0
        with system_scope("storage use"):
            books_fault(organization_id=events[0].organization_id, error=str(error))
        # Whoever mends the books finds the hour counted; nobody's next hour would bring it back. A
        # scope of its own: the account stays parked even if this fails too.
        with system_scope("storage use"):
            usage_ingest(events=events)
    return len(events)


def _gigabytes(stored: Decimal) -> Decimal:
    return (Decimal(stored) / GIGABYTE).quantize(_STEP, rounding=ROUND_HALF_UP)
