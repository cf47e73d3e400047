"""A job charged checkpoint by checkpoint: job, usage and balance tell one story at every end."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_put
from billing.ledger.models import CaptureRefund, GrantKind, Hold
from billing.ledger.selectors import balance_get
from billing.ledger.services import (
    balance_grant,
    balance_grant_set,
)
from billing.metering.models import UsageEvent
from billing.prices.contracts import PriceTerms
from billing.prices.services import price_add
from mlworker.jobs.contracts import METER, Fault
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.reaping import jobs_reap
from mlworker.jobs.states import StoredKind
from mlworker.jobs.working import (
    News,
    checkpoint_ready,
    news_write,
    stored_begin,
    stored_discard,
    work_failed,
    work_load,
    work_succeeded,
)
from tests.unit.jobs.charges import assert_books, drifts, segments
from tests.unit.jobs.factories import (
    claimed,
    event_codes,
    expire_lease,
    job_path,
    make_job,
    make_outcome,
    pay_in_money,
    row_of,
    save_checkpoint,
    token_balance,
)

pytestmark = pytest.mark.django_db

CRASH = Fault("crashed", "The trainer was ended by SIGKILL.", "SIGKILL")
DIVERGED = Fault("diverged", "The loss is not a number.")


def test_a_checkpoint_charges_what_it_keeps_and_leaves_the_rest_held(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    save_checkpoint(claim, step=20, tokens=250)

    balance = token_balance(organization)
    assert (balance.consumed, balance.held) == (250, (job.quoted_tokens or 0) - 250)
    assert segments(organization, job) == {"10": 100, "20": 150}
    with tenant_scope(organization):
        events = UsageEvent.objects.all()
        assert {(event.model, event.dims["tier"]) for event in events} == {("minilm-l6", "lora")}
    assert drifts(organization) == ()


def test_success_charges_the_last_part_and_gives_the_unused_steps_back(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    quoted = job.quoted_tokens or 0
    work = work_load(claimed())
    save_checkpoint(work.claim, step=10, tokens=100)
    save_checkpoint(work.claim, step=20, tokens=200)
    work_succeeded(work, make_outcome(job, organization, quoted - 50))

    assert segments(organization, job) == {"10": 100, "20": 100, "": quoted - 250}
    assert_books(client_api, organization, job, trained=quoted - 50)
    assert event_codes(organization, job.id).count("billing.refund") == 1


def test_a_models_lineage_tells_what_it_came_to_cost(organization: OrganizationRef) -> None:
    pay_in_money(organization)
    with system_scope("test"):
        price_add(actor=SYSTEM_ACTOR, meter=METER, terms=PriceTerms(unit_amount=Decimal("0.25")))
    job = make_job(organization, tier="lora")
    work = work_load(claimed())
    save_checkpoint(work.claim, step=10, tokens=100)
    version = work_succeeded(work, make_outcome(job, organization, 202))

    assert version.lineage["price"] == {"amount": "50.5", "currency": "USD"}
    assert "trained tokens: 900 in 2 s, for 50.5 USD" in version.card


def test_what_grants_have_paid_has_no_price(organization: OrganizationRef) -> None:
    job = make_job(organization, tier="lora")
    version = work_succeeded(work_load(claimed()), make_outcome(job, organization, 202))
    assert version.lineage["price"] == {}


def test_success_at_a_checkpoint_leaves_nothing_to_charge(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    work = work_load(claimed())
    save_checkpoint(work.claim, step=10, tokens=100)
    work_succeeded(work, make_outcome(job, organization, 100))

    assert segments(organization, job) == {"10": 100}
    assert_books(client_api, organization, job, trained=100)
    assert row_of(organization, job.id).warnings == []


def test_a_job_without_checkpoints_is_charged_once_at_its_end(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="head")
    quoted = job.quoted_tokens or 0
    work_succeeded(work_load(claimed()), make_outcome(job, organization, quoted))

    assert segments(organization, job) == {"": quoted}
    assert_books(client_api, organization, job, trained=quoted)


def test_segments_never_charge_more_than_the_quote(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    quoted = job.quoted_tokens or 0
    work = work_load(claimed())
    save_checkpoint(work.claim, step=10, tokens=10**9)
    work_succeeded(work, make_outcome(job, organization, 10**9))

    assert_books(client_api, organization, job, trained=quoted)


def test_a_cancel_charges_the_steps_since_the_last_checkpoint(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    news_write(claim, News(progress={"step": 13, "trained_tokens": 130}))
    assert client_api.post(job_path(job.id, "/cancel")).json()["trained_tokens"] == 130

    assert segments(organization, job) == {"10": 100, "": 30}
    assert_books(client_api, organization, job, trained=130)


def test_a_cancel_right_after_a_checkpoint_finds_what_was_charged(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    news_write(claim, News(progress={"step": 8, "trained_tokens": 80}))
    save_checkpoint(claim, step=10, tokens=100)
    assert client_api.post(job_path(job.id, "/cancel")).json()["trained_tokens"] == 100

    assert_books(client_api, organization, job, trained=100)


def test_what_a_crash_undid_is_done_again_and_charged_once(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    news_write(claim, News(progress={"step": 19, "trained_tokens": 190}))
    work_failed(claim, CRASH)
    again = work_load(claimed())
    assert again.progress["trained_tokens"] == 100
    save_checkpoint(again.claim, step=20, tokens=200)
    work_succeeded(again, make_outcome(job, organization, 260))

    assert segments(organization, job) == {"10": 100, "20": 100, "": 60}
    assert_books(client_api, organization, job, trained=260)


def test_r37_steps_behind_a_lost_checkpoint_are_done_again_and_charged_once(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    lost = save_checkpoint(claim, step=20, tokens=200)
    stored_discard(claim, lost)
    work_failed(claim, CRASH)
    again = work_load(claimed())
    for step in (15, 20, 25):
        save_checkpoint(again.claim, step=step, tokens=step * 10)
    work_succeeded(again, make_outcome(job, organization, 300))

    assert segments(organization, job) == {"10": 100, "20": 100, "25": 50, "": 50}
    assert_books(client_api, organization, job, trained=300)


def test_a_cancel_refunds_the_steps_that_a_lost_checkpoint_undid(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    lost = save_checkpoint(claim, step=20, tokens=200)
    stored_discard(claim, lost)
    work_failed(claim, CRASH)
    assert client_api.post(job_path(job.id, "/cancel")).json()["trained_tokens"] == 100

    assert_books(client_api, organization, job, trained=100, undone=100)


@pytest.mark.parametrize("fault", [DIVERGED, CRASH], ids=["diverged", "crashed"])
def test_a_job_that_fails_gets_every_segment_back_with_a_note(
    client_api: APIClient, organization: OrganizationRef, fault: Fault
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    save_checkpoint(claim, step=20, tokens=200)
    work_failed(claim, fault)
    while row_of(organization, job.id).state != "failed":
        work_failed(claimed(), fault)

    note = f"{fault.code}: {fault.message}"
    assert_books(client_api, organization, job, trained=0, undone=200)
    assert event_codes(organization, job.id)[-2:] == ["billing.refund", "job.failed"]
    with tenant_scope(organization):
        hold = Hold.objects.get()
        assert (hold.state, hold.captured, hold.refunded, hold.note) == ("captured", 200, 200, note)
        assert CaptureRefund.objects.get().reason == note
        assert AuditEvent.objects.get(action="hold.refund").actor_kind == SYSTEM_ACTOR.kind


def test_a_fault_of_many_words_is_refunded_all_the_same(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    work_failed(claim, Fault("diverged", "again and " * 200))

    assert_books(client_api, organization, job, trained=0, undone=100)


def test_money_charged_by_segment_comes_back_when_the_job_fails(
    organization: OrganizationRef,
) -> None:
    with tenant_scope(organization):
        balance_grant_set(organization=organization, unit=METER, amount=0)
        balance_grant(
            organization=organization,
            unit="USD",
            amount=50,
            kind=GrantKind.PURCHASED,
            source="paid",
        )
    make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=300)
    with tenant_scope(organization):
        assert 0 < balance_get(organization=organization, unit="USD").consumed < 50
    work_failed(claim, DIVERGED)

    with tenant_scope(organization):
        money = balance_get(organization=organization, unit="USD")
    assert (money.consumed, money.held, money.available) == (0, 0, 50)
    assert drifts(organization) == ()


def test_a_supervisor_that_lost_its_job_charges_nothing(organization: OrganizationRef) -> None:
    job = make_job(organization, tier="lora")
    zombie = claimed()
    stored_id, key = stored_begin(zombie, StoredKind.CHECKPOINT, step=10)
    stored = object_put(key, b"bytes")
    metrics = {"trained_tokens": 100}
    expire_lease(organization, job.id)
    jobs_reap()
    claimed()
    with pytest.raises(LeaseLost):
        checkpoint_ready(zombie, stored_id, stored, manifest_sha256="m", metrics=metrics)

    assert segments(organization, job) == {}
    assert token_balance(organization).held == job.quoted_tokens


def test_a_checkpoint_told_twice_is_charged_once(organization: OrganizationRef) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    stored_id, key = stored_begin(claim, StoredKind.CHECKPOINT, step=10)
    stored = object_put(key, b"bytes")
    for _ in range(3):
        checkpoint_ready(
            claim, stored_id, stored, manifest_sha256="m", metrics={"trained_tokens": 100}
        )

    assert segments(organization, job) == {"10": 100}
    assert token_balance(organization).consumed == 100
