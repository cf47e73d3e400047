"""What a test says of a job's money: its segments, its books, a hold that ran out."""

from decimal import Decimal
from typing import Any

from rest_framework.test import APIClient

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.reconcile import drifts_read
from billing.ledger.services import hold_get, holds_expire
from billing.metering.models import UsageEvent
from mlworker.jobs.contracts import JOB_PREFIX, METER, SOURCE, JobInfo
from tests.unit.billing.test_ledger_services import hold_age
from tests.unit.jobs.factories import job_path, row_of


def segments(organization: OrganizationRef, job: JobInfo) -> dict[str, int]:
    """What was counted for a job, by segment; the last one's name is empty."""
    name = public_id(JOB_PREFIX, job.id)
    with tenant_scope(organization):
        events = UsageEvent.objects.filter(source=SOURCE, meter=METER).order_by("recorded_at")
        return {
            event.event_id.removeprefix(name).removeprefix(":"): int(event.units)
            for event in events
            if event.event_id.startswith(name)
        }


def assert_books(
    client: APIClient, organization: OrganizationRef, job: JobInfo, *, trained: int, undone: int = 0
) -> None:
    """The job, its usage less what was refunded, and the balance agree; nothing has drifted."""
    assert client.get(job_path(job.id)).json()["trained_tokens"] == trained
    assert sum(segments(organization, job).values()) == trained + undone
    balances = client.get("/v1/billing/balance").json()["data"]
    (tokens,) = (balance for balance in balances if balance["unit"] == METER)
    assert (Decimal(tokens["consumed"]), Decimal(tokens["held"])) == (trained, 0)
    assert drifts(organization) == ()


def drifts(organization: OrganizationRef) -> Any:
    """Every difference in the organization's books."""
    with tenant_scope(organization):
        return drifts_read()


def expire_hold(organization: OrganizationRef, job: JobInfo) -> None:
    """Let a job's hold run out, and the ledger notice it."""
    hold_id = row_of(organization, job.id).hold_id
    assert hold_id is not None
    hold_age(hold_id)
    holds_expire()
    with tenant_scope(organization):
        assert hold_get(organization=organization, hold_id=hold_id).state == "expired"
