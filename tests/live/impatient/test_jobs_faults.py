"""What a job survives: real signals to real processes; every job ends once and is charged once."""

import contextlib
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis
from celery import Celery

from anneal.kernel.redis_url import broker_url
from anneal.local.processes import wait_until
from tests.live.test_webhooks import verified
from tests.live.training import (
    CHECKPOINT_SECONDS,
    HEAD,
    LEASE,
    LORA,
    STEP_SECONDS,
    TERMINAL,
    VISIBILITY_SECONDS,
    Customer,
    ImpatientInstallation,
    lora,
    second_worker,
    trainer,
    trainers,
    trainers_kill,
)
from tests.unit.webhooks.receiver import receiver_running

JOB_ENDS = [f"fine_tuning.job.{end}" for end in sorted(TERMINAL)]


def _no_trainer(place: ImpatientInstallation, seconds: float) -> bool:
    return wait_until(lambda: not trainers(place), seconds=seconds, pause=0.1)


@cache
def _unbroken(place: ImpatientInstallation, tier: str, epochs: int) -> Any:
    """Return the figures of the same job when nothing happens to it."""
    customer = Customer(place)
    job = customer.submit(customer.dataset(), **lora(epochs) | {"tier": tier})
    return customer.ended(job, 120)["metrics"]


def _assert_unbroken(found: Any, expected: Any) -> None:
    """Polite moments round in another order: the last digits may differ."""
    for split in ("validation", "test"):
        for name in ("accuracy", "macro_f1", "loss"):
            assert found[split][name] == pytest.approx(expected[split][name], abs=1e-4)


def _kill_trainer(
    place: ImpatientInstallation, customer: Customer, kills: int, tier: str = "lora"
) -> dict[str, Any]:
    job = customer.submit(customer.dataset(), **lora(3 * kills) | {"tier": tier})
    for number in range(kills):
        customer.checkpointed(job, number + 1)
        time.sleep(random.random())
        trainer(place).send_signal(signal.SIGKILL)
        customer.wait(job, lambda _, n=number: customer.codes(job).count("job.restarted") > n)
    done = customer.ended(job, 120)
    customer.assert_once(job)
    assert done["attempt"] == kills + 1
    assert done["progress"]["step"] == done["progress"]["total"]
    assert len(customer.continued(job)) == kills
    _assert_unbroken(done["metrics"], _unbroken(place, tier, 3 * kills))
    return done


def test_a1_a_killed_trainer_continues_from_its_checkpoint(
    place: ImpatientInstallation, customer: Customer
) -> None:
    _kill_trainer(place, customer, 1)


def test_a_full_model_survives_a_kill_and_serves_like_any_other(
    place: ImpatientInstallation, customer: Customer
) -> None:
    model = str(_kill_trainer(place, customer, 1, "full")["fine_tuned_model"])
    deployment = customer.post("/deployments", {"name": "whole", "model": model})
    texts = {"input": ["a wonderful film", "dull and far too long"]}

    answers = [customer.post("/classify", {"model": name, **texts}) for name in (model, "whole")]

    direct, deployed = [[row["scores"] for row in answer["data"]] for answer in answers]
    assert direct == deployed
    assert direct[0] != direct[1]
    assert customer.call("DELETE", f"/models/{model}").status_code == 409
    assert customer.call("DELETE", f"/deployments/{deployment['id']}").is_success
    assert customer.call("DELETE", f"/models/{model}").is_success
    assert customer.call("POST", "/classify", json={"model": "whole", **texts}).status_code == 404


@pytest.mark.slow
def test_a1_a_trainer_killed_again_and_again_still_ends_once(
    place: ImpatientInstallation, customer: Customer
) -> None:
    _kill_trainer(place, customer, 5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a1_a_trainer_killed_at_a_random_step_loses_no_step(
    place: ImpatientInstallation, customer: Customer, seed: int
) -> None:
    job = customer.submit(customer.dataset(), **lora(4))
    total = customer.stepping(job)["progress"]["total"]
    customer.stepping(job, random.Random(seed).randrange(1, total - 1))
    trainer(place).send_signal(signal.SIGKILL)
    done = customer.ended(job)
    customer.assert_once(job)
    assert (done["attempt"], done["progress"]["step"]) == (2, total)
    saved, _, _ = customer.messages(job).partition("job.restarted")
    steps = [int(step) for step in re.findall(r"Checkpoint saved at step (\d+)", saved)]
    assert customer.continued(job) == steps[-1:]
    _assert_unbroken(done["metrics"], _unbroken(place, "lora", 4))


def test_a12_a_trainer_that_dies_before_any_checkpoint_ends_the_job_unpaid(
    place: ImpatientInstallation, customer: Customer
) -> None:
    job = customer.submit(customer.dataset(), **LORA)
    trainers_kill(place, signal.SIGSEGV, times=3)
    done = customer.ended(job)
    assert done["status"] == "failed"
    assert (done["error"]["code"], done["error"]["param"]) == ("crashed", "SIGSEGV")
    assert customer.tokens()["held"] == 0
    assert customer.tokens()["consumed"] == 0


def _kill_worker(place: ImpatientInstallation, customer: Customer, kills: int) -> None:
    job = customer.submit(customer.dataset(), **lora(3 * kills))
    for number in range(kills):
        customer.checkpointed(job, number + 1)
        child = trainer(place)
        worker = place.kill("worker-train")
        assert wait_until(lambda child=child: not _alive(child), seconds=10, pause=0.1)
        reached = customer.job(job)["progress"]["step"]
        place.wait_new("worker-train", worker)
        customer.wait(job, lambda body, n=number: body["attempt"] == n + 2, seconds=LEASE + 20)
        customer.wait(job, lambda _, n=number: len(customer.continued(job)) > n)
        began = customer.continued(job)[-1]
        # What was reported is at most a report's interval older than what was done.
        assert began >= reached - CHECKPOINT_SECONDS / STEP_SECONDS
    customer.ended(job)
    customer.assert_once(job)
    assert len(customer.continued(job)) == kills


def test_a2_a_killed_worker_leaves_no_orphan_and_another_goes_on(
    place: ImpatientInstallation, customer: Customer
) -> None:
    _kill_worker(place, customer, 1)


@pytest.mark.slow
def test_a2_a_worker_killed_again_and_again_loses_an_interval_each_time(
    place: ImpatientInstallation, customer: Customer
) -> None:
    _kill_worker(place, customer, 5)


@contextlib.contextmanager
def _held_up(place: ImpatientInstallation, table: str) -> Iterator[Callable[[], bool]]:
    """Let nobody write to a table; gives whether somebody waits to."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    with psycopg.connect(place.superuser_url) as link:
        link.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield lambda: link.execute(waiting, [table]).fetchone() != (0,)


@pytest.mark.parametrize(
    ("table", "stored"),
    [("jobs_storedfiles", False), ("metering_usageevent", True)],
)
def test_a3_a_worker_killed_between_a_checkpoint_and_its_row_leaves_no_row_without_bytes(
    table: str, stored: bool, place: ImpatientInstallation, customer: Customer
) -> None:
    """Held up where it would say that bytes are coming, or where it would say that they are there:
    the trainer has renamed its checkpoint, and in the second case it is stored too."""
    job = customer.submit(customer.dataset(), **lora(8))
    customer.checkpointed(job)
    with _held_up(place, table) as waits:
        assert wait_until(waits, seconds=30, pause=0.02)
        worker = place.kill("worker-train")
    place.wait_new("worker-train", worker)
    customer.ended(job, 120)
    customer.assert_once(job)
    assert len(customer.continued(job)) == 1

    query = "SELECT key FROM jobs_storedfiles WHERE organization_id = %s AND state = "
    there = [key for (key,) in customer.rows(query + "'ready'")]
    stray = [key for (key,) in customer.rows(query + "'writing'")]
    assert there
    assert all(_files(place, key) for key in there)
    assert [len(_files(place, key)) for key in stray] == [1] * stored
    with psycopg.connect(place.superuser_url) as link:
        link.execute("UPDATE jobs_storedfiles SET created_at = created_at - interval '1 hour'")
    place.manage("shell", "-c", "from mlworker.jobs.reaping import storage_sweep; storage_sweep()")
    assert not any(_files(place, key) for key in stray)
    assert customer.rows(query + "'writing'") == []
    assert all(_files(place, key) for key in there)


def _files(place: ImpatientInstallation, key: str) -> list[Path]:
    return list(place.home.rglob(Path(key).name))


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_a5_a_worker_asleep_past_its_lease_changes_nothing_when_it_wakes(
    place: ImpatientInstallation, customer: Customer
) -> None:
    with receiver_running() as receiver:
        asked = {"url": receiver.url, "event_types": JOB_ENDS}
        webhook = customer.post("/webhooks", asked)
        job = customer.submit(customer.dataset(), **LORA)
        customer.checkpointed(job)
        sleeper = place.kill("worker-train", signal.SIGSTOP)
        try:
            with second_worker(place):
                customer.wait(job, lambda body: body["attempt"] == 2, seconds=LEASE + 20)
                os.kill(sleeper, signal.SIGCONT)
                customer.ended(job)
                customer.assert_once(job)
                assert customer.job(job)["attempt"] == 2
        finally:
            os.kill(sleeper, signal.SIGCONT)
        assert _no_trainer(place, 10)
        assert wait_until(lambda: bool(receiver.received), seconds=20, pause=0.1)
        # A later job's event would come after whatever the sleeper had to say.
        later = customer.submit(customer.dataset(40), **HEAD)
        customer.ended(later)
        assert wait_until(lambda: len(receiver.received) >= 2, seconds=20, pause=0.1)
        told = [verified(one, webhook["secret"]) for one in receiver.received]
    succeeded = "fine_tuning.job.succeeded"
    assert [(event["type"], event["data"]["id"]) for event in told] == [
        (succeeded, job),
        (succeeded, later),
    ]


def _ring(place: ImpatientInstallation, times: int) -> None:
    app = Celery(broker=broker_url(place.env["REDIS_URL"]))
    for _ in range(times):
        app.send_task("jobs.ring", queue="train")
    app.close()


def test_fifty_rings_start_each_job_once(place: ImpatientInstallation, customer: Customer) -> None:
    with second_worker(place):
        jobs = [customer.submit(customer.dataset(40), **HEAD) for _ in range(3)]
        _ring(place, 50)
        for job in jobs:
            customer.ended(job)
    customer.assert_once(*jobs)
    assert [customer.codes(job).count("job.started") for job in jobs] == [1, 1, 1]
    assert {customer.job(job)["attempt"] for job in jobs} == {1}


def test_messages_that_come_again_during_a_job_start_nothing(
    place: ImpatientInstallation, customer: Customer
) -> None:
    """The broker hands every unanswered message out again after two seconds."""
    job = customer.submit(customer.dataset(), **lora(10))
    customer.stepping(job)
    _ring(place, 50)
    started = time.monotonic()
    customer.ended(job)
    assert time.monotonic() - started > 2 * VISIBILITY_SECONDS
    customer.assert_once(job)
    assert customer.codes(job).count("job.started") == customer.job(job)["attempt"] == 1


def _flush_with_queued_jobs(place: ImpatientInstallation, customer: Customer, count: int) -> None:
    dataset = customer.dataset(40)
    jobs = [customer.submit(dataset, **HEAD) for _ in range(count)]
    for _ in range(5):
        redis.Redis.from_url(place.env["REDIS_URL"]).flushall()
        time.sleep(0.2)
    for job in jobs:
        customer.ended(job, 30 + 10 * count)
    customer.assert_once(*jobs)


def test_an_emptied_redis_loses_no_job(place: ImpatientInstallation, customer: Customer) -> None:
    _flush_with_queued_jobs(place, customer, 3)


@pytest.mark.slow
def test_an_emptied_redis_loses_none_of_a_hundred_jobs(
    place: ImpatientInstallation, customer: Customer
) -> None:
    _flush_with_queued_jobs(place, customer, 100)


def test_cancelling_a_running_job_frees_the_machine_and_charges_the_steps_done(
    place: ImpatientInstallation, customer: Customer
) -> None:
    job = customer.submit(customer.dataset(), **LORA)
    customer.stepping(job, 5)
    body = customer.post(f"/fine_tuning/jobs/{job}/cancel")
    assert body["status"] == "cancelled"
    assert 0 < body["trained_tokens"] < body["quoted_tokens"]
    assert _no_trainer(place, 15)
    assert customer.job(job)["status"] == "cancelled"
    tokens = customer.tokens()
    assert (tokens["held"], tokens["consumed"]) == (0, body["trained_tokens"])
    assert customer.counted() == {job: body["trained_tokens"]}


def test_a_cancel_keeps_where_the_job_was(place: ImpatientInstallation, customer: Customer) -> None:
    dataset = customer.dataset()
    job = customer.submit(dataset, **lora(8))
    customer.checkpointed(job)
    customer.post(f"/fine_tuning/jobs/{job}/cancel")
    reached = customer.job(job)["progress"]["step"]

    customer.wait(job, lambda _: customer.codes(job)[-1] == "checkpoint.saved", seconds=15)

    assert _no_trainer(place, 5)
    assert "job.cancelled" in customer.codes(job)
    kept = customer.get(f"/fine_tuning/jobs/{job}/checkpoints")["data"]
    assert kept[0]["step_number"] >= reached
    assert kept[0]["continuable"] is True
    again = {"hyperparameters": {"n_epochs": 1}, "continue_from": kept[0]["id"]}
    customer.ended(customer.submit(dataset, seed=7, **again))
    tokens, done = customer.tokens(), customer.job(job)
    assert (done["status"], tokens["held"]) == ("cancelled", 0)
    assert customer.counted()[job] == done["trained_tokens"]


def test_a_job_is_charged_as_it_goes_and_gets_all_back_when_it_fails(
    place: ImpatientInstallation, customer: Customer
) -> None:
    job = customer.submit(customer.dataset(), **LORA)
    customer.checkpointed(job, 2)
    charged = customer.tokens()["consumed"]
    assert 0 < charged < customer.job(job)["quoted_tokens"]
    killed: set[int] = set()
    while customer.job(job)["status"] not in TERMINAL:
        # Each trainer is killed at its start, so that three in a row leave no new checkpoint.
        for process in trainers(place):
            if process.pid not in killed:
                process.send_signal(signal.SIGKILL)
                killed.add(process.pid)
        time.sleep(0.05)
    done = customer.job(job)
    assert (done["status"], done["trained_tokens"]) == ("failed", 0), customer.messages(job)
    tokens = customer.tokens()
    assert (tokens["held"], tokens["consumed"]) == (0, 0)
    assert customer.counted()[job] >= charged
    assert customer.codes(job)[-2:] == ["billing.refund", "job.failed"]


def test_a_paused_job_lets_others_by_and_continues_where_it_was(
    place: ImpatientInstallation, customer: Customer
) -> None:
    dataset = customer.dataset()
    job = customer.submit(dataset, **LORA)
    customer.stepping(job, 5)
    assert customer.post(f"/fine_tuning/jobs/{job}/pause")["pausing"] is True
    paused = customer.wait(job, lambda body: body["status"] == "paused")
    assert _no_trainer(place, 10)
    other = customer.submit(customer.dataset(40), **HEAD)
    customer.ended(other)
    customer.post(f"/fine_tuning/jobs/{job}/resume")
    resumed = customer.stepping(job)
    assert resumed["progress"]["step"] >= paused["progress"]["step"]
    customer.ended(job)
    customer.assert_once(job, other)


def test_a10_a_stopping_worker_gives_its_job_back_with_a_checkpoint(
    place: ImpatientInstallation, customer: Customer
) -> None:
    job = customer.submit(customer.dataset(), **LORA)
    customer.stepping(job, 5)
    worker = psutil.Process(place.kill("worker-train", signal.SIGTERM))
    assert wait_until(lambda: not _alive(worker), seconds=10, pause=0.1)
    codes = customer.codes(job)
    assert codes.count("job.queued") == 2
    assert "job.interrupted" not in codes
    assert codes.index("checkpoint.saved") < len(codes)
    customer.ended(job)
    customer.assert_once(job)
    assert "job.failed" not in customer.codes(job)
