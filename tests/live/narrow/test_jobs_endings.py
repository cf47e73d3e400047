"""How attempts end: out of memory, by a signal, by a stopping worker in any phase, by a cancel at
the worst moment. Real signals to real processes. And what ends none: a database that holds up the
word of a checkpoint, a storage that is away.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psutil
import psycopg
import pytest

from anneal.local.processes import wait_until
from mlworker.engine.checkpoint import KEPT
from tests.live.training import (
    CHECKPOINT_SECONDS,
    HEAD,
    LEASE,
    LORA,
    TERMINAL,
    Customer,
    ImpatientInstallation,
    lora,
    trainers,
    trainers_kill,
)

MEMORY_MB = 900
"""Tiers head and lora stay below it, tier full with word vectors does not (480, 600, 1,260)."""
LONG_LEASE = 2 * LEASE
"""No worker of this file goes silent: on a busy machine half of this was too short for some."""
HUNGRY = {
    "tier": "full",
    "seed": 7,
    "hyperparameters": {"n_epochs": 2, "patience": 0, "embeddings": "trained"},
}


class NarrowInstallation(ImpatientInstallation):
    """An impatient installation whose trainers may hold little."""

    @property
    def plain_env(self) -> dict[str, str]:
        """A person's shell, with a limit of memory."""
        return super().plain_env | {
            "ANNEAL_TRAINER_MEMORY_MB": str(MEMORY_MB),
            "ANNEAL_JOB_LEASE_SECONDS": str(LONG_LEASE),
        }


@pytest.fixture(scope="module")
def place() -> Iterator[NarrowInstallation]:
    """One installation for this file: its workers are stopped and come back."""
    installation = NarrowInstallation("--no-demo")
    try:
        yield installation.start()
    finally:
        installation.close()


@pytest.fixture
def customer(place: NarrowInstallation) -> Customer:
    return Customer(place)


def _stopped(place: NarrowInstallation, seconds: float = 30.0) -> None:
    """Stop the training worker as a deployment does: it must be gone before it is forced, and the
    deployment goes on when the next one works.
    """
    pid = place.kill("worker-train", signal.SIGTERM)
    worker = psutil.Process(pid) if psutil.pid_exists(pid) else None
    assert worker is None or wait_until(
        lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE,
        seconds=seconds,
        pause=0.1,
    )
    log = place.home / "log" / "worker-train.log"
    said = log.stat().st_size
    place.wait_new("worker-train", pid)
    assert wait_until(lambda: b" ready." in log.read_bytes()[said:], seconds=90, pause=0.2)


def test_a9_a_job_without_enough_memory_is_parked_and_others_go_on(
    place: NarrowInstallation, customer: Customer
) -> None:
    other = Customer(place)
    hungry = customer.submit(customer.dataset(), **HUNGRY)
    modest = other.submit(other.dataset(40), **HEAD)

    done = customer.ended(hungry, 180)

    assert (done["status"], done["error"]["code"]) == ("failed", "out_of_memory")
    # Three in a row without a new checkpoint: one that left one before it was caught is no third.
    assert done["attempt"] >= 3
    assert "batch_tokens" in done["error"]["message"]
    assert (customer.tokens()["held"], customer.tokens()["consumed"]) == (0, 0)
    assert other.ended(modest)["status"] == "succeeded"
    other.assert_once(modest)
    assert wait_until(lambda: not trainers(place), seconds=15, pause=0.1)


@pytest.mark.slow
def test_a12_rows_that_crash_every_trainer_park_the_job_with_the_signal(
    place: NarrowInstallation, customer: Customer
) -> None:
    job = customer.submit(customer.dataset(), **LORA)
    trainers_kill(place, signal.SIGBUS, times=3)
    done = customer.ended(job)
    assert (done["error"]["code"], done["error"]["param"]) == ("crashed", "SIGBUS")
    assert f"(signal {int(signal.SIGBUS)})" in done["error"]["message"]
    assert customer.tokens()["consumed"] == 0


def _drained_in(place: NarrowInstallation, customer: Customer, phase: str) -> None:
    job = customer.submit(customer.dataset(), **LORA)
    customer.wait(job, lambda body: body["phase"] == phase or body["status"] in TERMINAL)
    _stopped(place)
    customer.ended(job, 120)
    customer.assert_once(job)
    assert "job.interrupted" not in customer.codes(job)
    assert "job.failed" not in customer.codes(job)


def test_a10_a_worker_stopped_while_its_trainer_loads_loses_no_job(
    place: NarrowInstallation, customer: Customer
) -> None:
    _drained_in(place, customer, "loading")


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["starting", "tokenizing", "training", "evaluating", "saving"])
def test_a10_a_worker_stopped_in_every_other_phase_loses_no_job(
    phase: str, place: NarrowInstallation, customer: Customer
) -> None:
    _drained_in(place, customer, phase)


@pytest.mark.slow
def test_a10_rolling_deploys_lose_no_job_and_double_none(
    place: NarrowInstallation, customer: Customer
) -> None:
    dataset = customer.dataset(40)
    jobs = [customer.submit(dataset, **lora(1)) for _ in range(20)]
    ended = 0
    while ended < len(jobs):
        _stopped(place)
        time.sleep(4.0)
        ended = sum(customer.job(job)["status"] in TERMINAL for job in jobs)
    customer.assert_once(*jobs)


def test_a10_an_idle_worker_stops_at_once(place: NarrowInstallation) -> None:
    _stopped(place, 10.0)


def test_a11_a_cancel_at_any_moment_is_one_end(
    place: NarrowInstallation, customer: Customer
) -> None:
    dataset = customer.dataset()
    at_submit = customer.submit(dataset, **LORA)
    customer.post(f"/fine_tuning/jobs/{at_submit}/cancel")
    at_claim = customer.submit(dataset, **LORA)
    customer.wait(at_claim, lambda body: body["status"] == "running")
    customer.post(f"/fine_tuning/jobs/{at_claim}/cancel")
    began = time.monotonic()
    assert wait_until(lambda: not trainers(place), seconds=15, pause=0.1)
    assert time.monotonic() - began < 15
    late = customer.submit(dataset, **LORA)
    customer.wait(late, lambda body: body["phase"] in ("evaluating", "saving", "done"))
    answer = customer.call("POST", f"/fine_tuning/jobs/{late}/cancel")
    assert answer.status_code in (200, 409)

    # Cancels are rows: they hold when every worker has gone and come back.
    _stopped(place)

    for job in (at_submit, at_claim, late):
        customer.ended(job)
        ends = {"job.cancelled", "job.succeeded", "job.failed"}
        assert sum(code in ends for code in customer.codes(job)) == 1
    assert customer.job(late)["status"] == ("cancelled" if answer.is_success else "succeeded")
    assert customer.call("POST", f"/fine_tuning/jobs/{at_claim}/cancel").status_code == 200
    done = {job: customer.job(job) for job in (at_submit, at_claim, late)}
    tokens = customer.tokens()
    assert tokens["held"] == 0
    assert tokens["consumed"] == sum(body["trained_tokens"] for body in done.values())
    assert done[at_submit]["trained_tokens"] == 0
    assert done[late]["error"] is None


def test_a_cancelled_jobs_checkpoint_and_its_model_are_continued(
    place: NarrowInstallation, customer: Customer
) -> None:
    dataset = customer.dataset()
    first = customer.submit(dataset, **lora(6))
    customer.checkpointed(first)
    customer.post(f"/fine_tuning/jobs/{first}/cancel")
    checkpoint = customer.get(f"/fine_tuning/jobs/{first}/checkpoints")["data"][0]["id"]

    once = {"hyperparameters": {"n_epochs": 1}}
    second = customer.submit(dataset, seed=7, continue_from=checkpoint, **once)
    model = customer.ended(second, 120)["fine_tuned_model"]
    third = customer.submit(dataset, seed=8, continue_from=model, **once)
    customer.ended(third, 120)

    parents = [
        customer.get(f"/models/{customer.job(job)['fine_tuned_model']}")["lineage"]["parent"]
        for job in (second, third)
    ]
    assert parents[0].startswith(f"{first}:step-")
    assert parents[1] == model
    (samples,) = customer.get(f"/fine_tuning/jobs/{third}/samples")["data"]
    for end in ("worst", "best"):
        assert all(row["text"] and row["label"] and row["predicted"] for row in samples[end])
    assert samples["worst"][0]["loss"] > samples["best"][0]["loss"]
    progress = customer.job(third)["progress"]
    assert progress["device"] == "cpu"
    assert progress["tokens_per_second"] > 0
    assert (
        customer.call("GET", f"/fine_tuning/jobs/{third}/tensorboard")
        .content[12:]
        .startswith(b"\x09")
    )


@contextmanager
def _database_held_up(place: NarrowInstallation) -> Iterator[None]:
    """Nobody can write down that a checkpoint is coming."""
    with psycopg.connect(place.superuser_url) as link:
        link.execute("LOCK TABLE jobs_storedfiles IN SHARE MODE")
        yield


@contextmanager
def _storage_away(place: NarrowInstallation) -> Iterator[None]:
    """A file where the storage's folder was: whatever is asked of it fails."""
    folder = place.home / "storage"
    aside = folder.rename(folder.with_name("storage-aside"))
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@pytest.mark.parametrize("outage", [_database_held_up, _storage_away])
def test_an_outage_longer_than_the_trainer_keeps_checkpoints_costs_no_attempt(
    place: NarrowInstallation,
    customer: Customer,
    outage: Callable[[NarrowInstallation], AbstractContextManager[None]],
) -> None:
    job = customer.submit(customer.dataset(), **lora(12))
    customer.checkpointed(job)
    with outage(place):
        time.sleep(max((KEPT + 2) * CHECKPOINT_SECONDS, LONG_LEASE + 1))
    assert customer.ended(job, 300)["attempt"] == 1, customer.messages(job)
    customer.assert_once(job)
