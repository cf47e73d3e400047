"""A batch's life between workers: fences, deaths, cancels, ends of windows, turns."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_exists
from billing.metering.models import UsageEvent
from mlworker.batches import finishing, running
from mlworker.batches.claiming import batch_claim
from mlworker.batches.errors import LeaseLost
from mlworker.batches.finishing import batch_end, chunk_objects
from mlworker.batches.limits import STALLED_LIMIT
from mlworker.batches.models import Batch, BatchChunk
from mlworker.batches.running import batch_run
from mlworker.batches.states import BatchState
from mlworker.batches.tasks import forget
from mlworker.batches.working import chunk_done, lease_renew, work_give_back, work_load
from tenants.accounts.services import organization_suspend
from tenants.webhooks.models import WebhookEvent
from tests.unit.batches.factories import (
    BAD,
    GOOD,
    Engine,
    batch,
    claimed,
    create,
    jsonl,
    key_of,
    lines_of,
    made,
    predictions,
    request_line,
    row_of,
    upload,
    work_all,
)
from tests.unit.factories import error_of, make_client
from tests.unit.webhooks.helpers import make_webhook

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]

LINES = [request_line(number, GOOD if number % 2 else BAD) for number in range(40)]


class Killed(BaseException):
    """What ends a worker here: nothing catches it, as nothing catches SIGKILL."""


def expire_lease(organization: OrganizationRef, batch_id: str) -> None:
    with tenant_scope(organization):
        Batch.objects.filter(id=key_of(batch_id)).update(
            lease_until=F("lease_until") - timedelta(minutes=10)
        )


def run_until(monkeypatch: pytest.MonkeyPatch, chunk: int, *, after: bool) -> None:
    """Work, and die at a chunk: before it is written down, or just after."""
    done = chunk_done

    def dying(claim: Any, serves: Any, each: Any, **written: Any) -> Any:
        if each.number == chunk and not after:
            raise Killed
        state = done(claim, serves, each, **written)
        if each.number == chunk:
            raise Killed
        return state

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(running, "chunk_done", dying)
        batch_run(claimed())


def events(organization: OrganizationRef) -> list[tuple[str, int]]:
    with tenant_scope(organization):
        rows = UsageEvent.objects.filter(source="batch").order_by("event_id")
        return [(row.event_id.rpartition(":")[2], int(row.units)) for row in rows]


@pytest.mark.parametrize("after", [False, True])
def test_after_a_workers_death_whole_chunks_stay_and_the_rest_is_done_once(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    after: bool,
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    run_until(monkeypatch, 3, after=after)
    halfway = batch(client_api, batch_id)
    assert halfway["request_counts"]["completed"] == (24 if after else 16)
    assert halfway["charged"] == predictions(organization).consumed
    assert batch_claim(worker="too early") is None
    expire_lease(organization, batch_id)

    work_all()

    done = batch(client_api, batch_id)
    assert done["request_counts"] == {"total": 40, "completed": 40, "failed": 0}
    output = lines_of(client_api, done["output_file_id"])
    assert [line["custom_id"] for line in output] == [f"row-{number}" for number in range(40)]
    assert events(organization) == [(str(number), 8) for number in range(1, 6)]
    balance = predictions(organization)
    assert [balance.consumed, balance.held] == [40, 0]


def test_a_worker_that_lost_its_lease_writes_nothing(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    stale = claimed()
    expire_lease(organization, batch_id)
    fresh = claimed()
    assert fresh.fence > stale.fence
    for write in (lease_renew, work_load):
        with pytest.raises(LeaseLost):
            write(stale)
    batch_run(stale)
    assert row_of(organization, batch_id).total == 0
    batch_run(fresh)
    assert batch(client_api, batch_id)["status"] == "completed"


def test_a_chunk_is_written_down_once(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made(client_api, jsonl(*LINES))
    seen: list[Any] = []

    def twice(*args: Any, **written: Any) -> Any:
        state = chunk_done(*args, **written)
        with pytest.raises(LeaseLost):
            chunk_done(*args, **written)
        seen.append(args)
        return state

    monkeypatch.setattr(running, "chunk_done", twice)
    work_all()
    assert len(seen) == 5
    assert predictions(organization).consumed == 40


def test_a_cancel_keeps_what_is_answered_and_releases_the_rest(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    done = chunk_done

    def cancelled_at_two(claim: Any, serves: Any, chunk: Any, **written: Any) -> Any:
        if chunk.number == 2:
            asked = client_api.post(f"/v1/batches/{batch_id}/cancel").json()
            assert asked["status"] == "cancelling"
        return done(claim, serves, chunk, **written)

    monkeypatch.setattr(running, "chunk_done", cancelled_at_two)
    work_all()

    ended = batch(client_api, batch_id)
    assert ended["status"] == "cancelled"
    assert ended["request_counts"] == {"total": 40, "completed": 16, "failed": 0}
    assert len(lines_of(client_api, ended["output_file_id"])) == 16
    balance = predictions(organization)
    assert [balance.consumed, balance.held] == [16, 0]
    again = client_api.post(f"/v1/batches/{batch_id}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


def test_a_batch_that_nobody_works_on_is_cancelled_before_others_begin(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    made(client_api, jsonl(*LINES))
    batch_id = made(client_api, jsonl(*LINES))
    client_api.post(f"/v1/batches/{batch_id}/cancel")

    batch_run(claimed())

    ended = batch(client_api, batch_id)
    assert (ended["status"], ended["output_file_id"]) == ("cancelled", None)
    assert predictions(organization).held == 0


def test_what_has_ended_cannot_be_cancelled(client_api: APIClient, engine: Engine) -> None:
    batch_id = made(client_api, jsonl(*LINES[:2]))
    work_all()
    refused = client_api.post(f"/v1/batches/{batch_id}/cancel")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "batch_state")


def test_a_window_that_ends_leaves_what_is_answered(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch_id = made(client_api, jsonl(*LINES), completion_window="1h")
    run_until(monkeypatch, 2, after=True)
    expire_lease(organization, batch_id)

    with clock.frozen(clock.now() + timedelta(minutes=61)):
        work_all()

    ended = batch(client_api, batch_id)
    assert ended["status"] == "expired"
    assert ended["request_counts"]["completed"] == 16
    assert len(lines_of(client_api, ended["output_file_id"])) == 16
    assert predictions(organization).held == 0


def test_a_batch_whose_workers_all_die_at_once_fails(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    for _ in range(STALLED_LIMIT):
        claimed()
        expire_lease(organization, batch_id)

    batch_run(claimed())

    ended = batch(client_api, batch_id)
    assert ended["status"] == "failed"
    assert ended["errors"]["data"][0]["code"] == "worker_lost"
    assert predictions(organization).held == 0


def test_an_input_that_is_deleted_ends_the_batch_with_what_there_is(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file_id = upload(client_api, jsonl(*LINES))
    batch_id = create(client_api, file_id).json()["id"]
    run_until(monkeypatch, 1, after=True)
    client_api.delete(f"/v1/files/{file_id}")
    expire_lease(organization, batch_id)

    work_all()

    ended = batch(client_api, batch_id)
    assert ended["status"] == "failed"
    assert ended["errors"]["data"][0]["code"] == "batch_input_gone"
    assert len(lines_of(client_api, ended["output_file_id"])) == 8


def test_a_worker_that_is_overtaken_at_the_end_changes_no_file(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    run_until(monkeypatch, 2, after=True)
    expire_lease(organization, batch_id)
    stale, rows = work_load(claimed()), finishing.chunk_rows

    def overtaken(claim: Any) -> Any:
        found = rows(claim)
        monkeypatch.setattr(finishing, "chunk_rows", rows)
        expire_lease(organization, batch_id)
        work_all()
        return found

    monkeypatch.setattr(finishing, "chunk_rows", overtaken)
    with pytest.raises(LeaseLost):
        batch_end(stale, BatchState.EXPIRED)

    done = batch(client_api, batch_id)
    assert done["status"] == "completed"
    assert len(lines_of(client_api, done["output_file_id"])) == 40


def test_organizations_take_turns(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    ours = [made(client_api, jsonl(*LINES)) for _ in range(2)]
    theirs = made(make_client(other_organization), jsonl(*LINES))
    order = [claimed().public_id for _ in range(3)]
    assert order == [ours[0], theirs, ours[1]]


def test_who_brings_new_batches_all_the_time_does_not_come_first_each_time(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    ours = made(client_api, jsonl(*LINES))
    work_give_back(claimed())
    other = make_client(other_organization)
    for _ in range(2):
        made(other, b"nothing\n")
    batch_run(claimed())
    assert claimed().public_id == ours


def test_a_turn_ends_when_others_wait(
    client_api: APIClient,
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(running, "RENEW_SECONDS", 0.0)
    ours = made(client_api, jsonl(*LINES))
    other = make_client(other_organization)
    theirs = made(other, jsonl(*LINES))
    batch_run(claimed())
    assert batch(client_api, ours)["status"] == "in_progress"
    assert row_of(organization, ours).stalled == 0

    work_all()

    assert batch(client_api, ours)["status"] == "completed"
    assert batch(other, theirs)["status"] == "completed"


def test_a_worker_that_stops_gives_its_batch_back(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    with monkeypatch.context() as patch:
        patch.setattr(running, "draining", lambda: True)
        batch_run(claimed())
    row = row_of(organization, batch_id)
    assert (row.lease_until, row.stalled, row.state) == (None, 0, "in_progress")
    work_all()
    assert batch(client_api, batch_id)["status"] == "completed"


def test_a_suspended_organizations_batches_end(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    other = make_client(other_organization)
    theirs = made(other, jsonl(*LINES))
    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")
    batch_run(claimed())
    assert row_of(organization, batch_id).state == "cancelled"
    assert batch(other, theirs)["status"] == "validating"


def test_ends_are_told_to_webhooks(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    make_webhook(organization, "https://example.com/")
    done = made(client_api, jsonl(*LINES[:2]))
    failed = made(client_api, b"nothing\n")
    cancelled = made(client_api, jsonl(*LINES))
    client_api.post(f"/v1/batches/{cancelled}/cancel")
    work_all()
    with tenant_scope(organization):
        bodies = [json.loads(row.body) for row in WebhookEvent.objects.order_by("id")]
    told = {(body["type"], body["data"]["id"]) for body in bodies}
    assert told == {
        ("batch.completed", done),
        ("batch.failed", failed),
        ("batch.cancelled", cancelled),
    }


def test_the_parts_go_when_the_files_are_there(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    work_all()
    with tenant_scope(organization):
        keys = chunk_objects(key_of(batch_id))
        assert BatchChunk.objects.count() == 5
    assert len(keys) == 5
    assert all(object_exists(key) for key in keys)
    forget(str(key_of(batch_id)), str(organization.id), organization.slug)
    assert not any(object_exists(key) for key in keys)
