"""Usage for tests: made by ingestion, as internal meters make it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.metering.contracts import UsageEventNew, UsageIngested
from billing.metering.models import UsageEvent
from billing.metering.services import rollups_advance, usage_ingest


def event(
    organization: OrganizationRef,
    at: datetime,
    units: Any = 1,
    event_id: str | None = None,
    **more: Any,
) -> UsageEventNew:
    return UsageEventNew(
        organization_id=organization.id,
        source=more.pop("source", "test"),
        event_id=event_id or str(uuid7()),
        meter=more.pop("meter", "prediction"),
        units=Decimal(units),
        occurred_at=at,
        **more,
    )


def ingest(*events: UsageEventNew, now: datetime) -> UsageIngested:
    with clock.frozen(now), system_scope("test"):
        return usage_ingest(events=events)


def counted(organization: OrganizationRef) -> Decimal:
    with system_scope("test"):
        rows = UsageEvent.objects.filter(organization_id=organization.id)
        return sum(rows.values_list("units", flat=True), Decimal(0))


def advance(now: datetime) -> None:
    """Sum every hour that is over by ``now``."""
    more = True
    while more:
        with system_scope("test"):
            more = rollups_advance(now=now)
