"""Serving under fire: parts die beneath a steady load, and money stays exact.

The promise: a 200 the client saw is charged exactly once, nothing else is charged but calls that
were in flight at the kill, and each of those, retried with its key, gets the stored answer.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import redis

from anneal.local.processes import wait_until
from tests.live.machine import Installation
from tests.live.serving import GOOD, MODEL, Customer, error_code, serving, wait_serving

CLIENTS = 8


@pytest.fixture(scope="module")
def broken() -> Iterator[Installation]:
    """An installation of this file's own: its parts are killed, and it has to come back."""
    own = Installation("--no-demo")
    try:
        yield own.start()
    finally:
        own.close()


@pytest.fixture
def customer(broken: Installation) -> Iterator[Customer]:
    with serving(broken, credit=100_000) as made:
        yield made


@dataclass
class Load:
    """Clients that call without pause, each call under its own Idempotency-Key."""

    customer: Customer
    answered: dict[str, bytes] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._call, args=(n,)) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_answers(self, more: int, *, seconds: float = 60) -> None:
        """Wait until so many more calls were answered."""
        goal, end = len(self.answered) + more, time.monotonic() + seconds
        while len(self.answered) < goal:
            assert time.monotonic() < end, f"no answers any more; refused {self.refused[-5:]}"
            time.sleep(0.05)

    def _call(self, client: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            key = f"c{client}-{number}"
            try:
                answer = self.customer.classify(GOOD, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                self.unsure.append(key)
                time.sleep(0.2)
                continue
            if answer.status_code == 200:
                self.answered[key] = answer.content
            else:
                self.refused.append(error_code(answer))
                self.unsure.append(key)
                time.sleep(0.1)

    def settle(self) -> None:
        """Retry what is unsure until each call has its answer."""
        for key in self.unsure:
            end = time.monotonic() + 60
            while key not in self.answered:
                answer = self.customer.classify(GOOD, headers={"Idempotency-Key": key})
                if answer.status_code == 200:
                    self.answered[key] = answer.content
                else:
                    assert time.monotonic() < end, answer.text
                    time.sleep(float(answer.headers.get("retry-after", "1")))


def exact(load: Load, before: int) -> None:
    """Every answered call is charged once and nothing else is."""
    customer = load.customer
    # What a process still settles is settled soon; the rest waits for the reaper.
    if not customer.nothing_held(seconds=5):
        customer.minute_pass()
    assert customer.nothing_held()
    charged = customer.events() - before
    assert len(load.answered) <= charged <= len(load.answered) + len(load.unsure)
    load.settle()
    assert customer.nothing_held()
    assert customer.events() - before == len(load.answered)
    assert customer.balance()["consumed"] == customer.events()


def engine_pid(installation: Installation) -> int:
    return installation.pids("worker-serve")[0]


def test_a_killed_engine_loses_no_answer_and_no_money(customer: Customer) -> None:
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        for _ in range(2):
            old = engine_pid(customer.installation)
            customer.installation.kill("worker-serve")
            customer.installation.wait_new("worker-serve", old)
            load.wait_answers(50)

    exact(load, before)


def test_an_emptied_redis_is_survived(customer: Customer) -> None:
    client = redis.Redis.from_url(customer.installation.env["REDIS_URL"])
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        for _ in range(3):
            client.flushall()
            load.wait_answers(50)

    exact(load, before)


def test_a_killed_redis_is_survived(customer: Customer) -> None:
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        old = customer.installation.kill("redis")
        customer.installation.wait_new("redis", old)
        load.wait_answers(50)

    exact(load, before)


def test_a_killed_postgres_takes_no_answer_that_anybody_saw(customer: Customer) -> None:
    before = customer.events()

    with Load(customer) as load:
        for _ in range(3):
            load.wait_answers(50)
            old = customer.installation.kill("postgres")
            customer.installation.wait_new("postgres", old)
        load.wait_answers(50)

    assert wait_until(lambda: customer.http.get("/v1/billing/balance").is_success, seconds=30)
    exact(load, before)


def test_a_killed_web_process_charges_only_what_it_answered_or_can_answer_again(
    customer: Customer,
) -> None:
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        old = customer.installation.kill("web")
        customer.installation.wait_new("web", old)
        load.wait_answers(50)

    exact(load, before)


def test_a_worker_told_to_stop_answers_what_it_took(customer: Customer) -> None:
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        old = engine_pid(customer.installation)
        os.kill(old, signal.SIGTERM)
        customer.installation.wait_new("worker-serve", old)
        load.wait_answers(50)

    # What it took and dropped would be `deadline_exceeded`, or a connection that broke. On a busy
    # machine the next one starts after calls at the door were told to come back.
    assert set(load.refused) <= {"engine_unavailable"}
    assert len(load.unsure) == len(load.refused)
    exact(load, before)


def test_without_an_engine_a_call_is_told_to_come_back_and_costs_nothing(
    customer: Customer,
) -> None:
    installation = customer.installation
    os.kill(engine_pid(installation), signal.SIGSTOP)
    before = customer.events()
    try:
        time.sleep(6)  # its announcement expires
        answer = customer.classify(GOOD)
    finally:
        os.kill(engine_pid(installation), signal.SIGCONT)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"]["code"] == "engine_unavailable"
    assert customer.events() == before
    wait_serving(customer)


def test_suspension_refuses_the_next_call(customer: Customer) -> None:
    assert customer.classify(GOOD, model=MODEL).status_code == 200

    customer.installation.manage(
        "shell",
        "-c",
        "from uuid import UUID\n"
        "from anneal.kernel.principal import SYSTEM_ACTOR\n"
        "from anneal.kernel.scopes import OrganizationRef, system_scope\n"
        "from tenants.accounts.services import organization_suspend\n"
        f"ref = OrganizationRef(id=UUID('{customer.organization_id}'), slug='x')\n"
        "with system_scope('test'):\n"
        "    organization_suspend(organization=ref, actor=SYSTEM_ACTOR, reason='test')\n",
    )

    refused = customer.classify(GOOD)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "organization_suspended")
