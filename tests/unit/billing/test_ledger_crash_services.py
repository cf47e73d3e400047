"""A process that dies between any two statements of a service that moves units: nothing moved."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_put
from billing.ledger.models import GrantKind
from billing.ledger.selectors import balances
from billing.ledger.services import (
    balance_grant,
    hold_capture,
    hold_capture_segment,
    hold_extend,
    hold_refund,
    hold_release,
    hold_take,
    limit_set,
    usage_charge,
)
from billing.metering.contracts import UsageEventNew
from billing.metering.models import UsageEvent, UsageLateHour
from mlworker.jobs.contracts import Fault, JobRequest
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.services import fine_tuning_job_cancel, fine_tuning_job_submit
from mlworker.jobs.states import StoredKind
from mlworker.jobs.working import (
    checkpoint_ready,
    stored_begin,
    work_failed,
    work_load,
    work_succeeded,
)
from tests.unit.billing.crashes import Crash, CrashAfter, differences, everything_here
from tests.unit.billing.metering import advance, event, ingest
from tests.unit.jobs.charges import drifts, segments
from tests.unit.jobs.factories import (
    claimed,
    make_dataset,
    make_job,
    make_outcome,
    save_checkpoint,
    token_balance,
)

pytestmark = pytest.mark.django_db

STORAGE = "storage_gb_hour"
NOON = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)


def crash_everywhere(
    organization: OrganizationRef,
    work: Callable[[], object],
    door: Callable[[], AbstractContextManager[object]] | None = None,
) -> int:
    """Run ``work`` behind a door, crashing after its 1st, 2nd, ... statement, then once whole.

    Without a ``door`` it is the organization's scope. After each crash no row of any table differs
    from before, messages to be sent and audit trail included. Returns how many crashes there were.
    """
    before = everything_here(organization)
    for number in itertools.count(1):
        opened = door() if door else tenant_scope(organization)
        try:
            with opened, connection.execute_wrapper(CrashAfter(number)):
                work()
        except Crash:
            assert differences(before, everything_here(organization)) == set()
        else:
            break
    assert {"ledger_hold", "ledger_grant"} & differences(before, everything_here(organization))
    assert drifts(organization) == ()
    return number - 1


class Moves:
    """The services that move units, in the order in which each has what it needs."""

    def __init__(self, organization: OrganizationRef) -> None:
        self.organization = organization
        self.holds: list[Any] = []

    def take(self, key: str = "one") -> None:
        made = hold_take(
            organization=self.organization, unit="prediction", amount=100, key=key, ttl_seconds=60
        )
        self.holds.append(made.id)

    def take_limited(self) -> None:
        limit_set(organization=self.organization, unit="prediction", window="day", amount=900)
        self.take("limited")

    def money(self) -> None:
        given: dict[str, Any] = {"kind": GrantKind.PURCHASED, "source": "paid"}
        balance_grant(organization=self.organization, unit="USD", amount=5, **given)

    def segment(self) -> None:
        hold_capture_segment(
            organization=self.organization, hold_id=self.holds[0], segment="s1", used_so_far=30
        )

    def extend(self) -> None:
        hold_extend(organization=self.organization, hold_id=self.holds[0], ttl_seconds=60, amount=9)

    def capture(self) -> None:
        hold_capture(
            organization=self.organization, hold_id=self.holds[0], amount=11, event_id="last"
        )

    def refund(self) -> None:
        hold_refund(
            organization=self.organization, hold_id=self.holds[0], key="r", reason="Our fault."
        )

    def release(self) -> None:
        hold_release(
            organization=self.organization, hold_id=self.holds[-1], note="The disk failed."
        )


def test_r06_a_crash_between_any_two_statements_of_the_services_moves_nothing(
    organization: OrganizationRef,
) -> None:
    moves = Moves(organization)
    works = [moves.take, moves.take_limited, moves.money, moves.segment, moves.extend]
    works += [moves.capture, moves.refund, moves.release]

    for work in works:
        assert crash_everywhere(organization, work)


def test_a_crash_between_any_two_statements_of_a_submit_leaves_no_job_and_no_hold(
    organization: OrganizationRef,
) -> None:
    dataset = make_dataset(organization)
    body = JobRequest(model="minilm-l6", training_file=dataset, tier="head", seed=7)

    crashes = crash_everywhere(
        organization,
        lambda: fine_tuning_job_submit(organization=organization, actor=SYSTEM_ACTOR, request=body),
    )

    assert crashes > 5
    with tenant_scope(organization):
        assert FineTuningJob.objects.count() == 1


def test_a_crash_between_any_two_statements_of_a_cancel_charges_nothing_twice(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    with tenant_scope(organization):
        row = FineTuningJob.objects.get(id=job.id)
        row.progress = {**row.progress, "trained_tokens": 40}
        row.save()

    crashes = crash_everywhere(
        organization,
        lambda: fine_tuning_job_cancel(
            organization=organization, actor=SYSTEM_ACTOR, job_id=job.id
        ),
    )

    assert crashes > 5
    with tenant_scope(organization):
        (tokens,) = [one for one in balances(organization=organization) if "token" in one.unit]
        assert (tokens.consumed, tokens.held) == (40, 0)


def test_a_crash_between_any_two_statements_of_a_checkpoint_neither_keeps_nor_charges_it(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    stored_id, key = stored_begin(claim, StoredKind.CHECKPOINT, step=10)
    stored, metrics = object_put(key, b"bytes"), {"trained_tokens": 100}

    crashes = crash_everywhere(
        organization,
        lambda: checkpoint_ready(claim, stored_id, stored, manifest_sha256="m", metrics=metrics),
        nullcontext,
    )

    assert crashes > 8
    assert segments(organization, job) == {"10": 100}


def test_a_crash_between_any_two_statements_of_a_jobs_end_charges_its_last_segment_once(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization, tier="lora")
    work = work_load(claimed())
    save_checkpoint(work.claim, step=10, tokens=100)
    outcome = make_outcome(job, organization, 130)

    assert crash_everywhere(organization, lambda: work_succeeded(work, outcome), nullcontext) > 10
    assert segments(organization, job) == {"10": 100, "": 30}


def test_a_crash_between_any_two_statements_of_a_fault_refunds_every_segment_once(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    save_checkpoint(claim, step=20, tokens=200)
    fault = Fault("diverged", "The loss is not a number.")

    assert crash_everywhere(organization, lambda: work_failed(claim, fault), nullcontext) > 8
    assert segments(organization, job) == {"10": 100, "20": 100}
    assert (token_balance(organization).consumed, token_balance(organization).held) == (0, 0)


def test_a_crash_between_any_two_statements_of_charged_storage_counts_and_charges_nothing(
    organization: OrganizationRef,
) -> None:
    """One event is paid, one is late and counted alone; then the hours are summed anew."""
    with tenant_scope(organization), clock.frozen(NOON - timedelta(days=2)):
        balance_grant(
            organization=organization,
            unit="USD",
            amount=20,
            kind=GrantKind.PURCHASED,
            source="paid",
        )
    ingest(event(organization, NOON - timedelta(days=1)), now=NOON - timedelta(days=1))
    advance(NOON)
    events = [
        UsageEventNew(
            organization_id=organization.id,
            source="storage",
            event_id=name,
            meter=STORAGE,
            units=units,
            occurred_at=NOON - timedelta(hours=hours),
        )
        for name, units, hours in (("paid", Decimal("1.5"), 0), ("late", Decimal(10**12), 5))
    ]

    with clock.frozen(NOON):
        crashes = crash_everywhere(
            organization, lambda: usage_charge(events=events), lambda: system_scope("test")
        )

    assert crashes >= 2
    with tenant_scope(organization):
        assert UsageLateHour.objects.count() == 1
        assert UsageEvent.objects.filter(meter=STORAGE).count() == 2
        (money,) = [one for one in balances(organization=organization) if one.unit == "USD"]
        assert money.consumed > 0
    advance(NOON)
    assert drifts(organization) == ()
