"""Serving under fire: parts die beneath a steady load, and money stays exact.

The promise: a 200 the client saw is charged exactly once, nothing else is charged but calls that
were in flight at the kill, and each of those, retried with its key, gets the stored answer.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest
import redis

from anneal.local.credentials import secrets_load
from anneal.local.paths import home_open
from anneal.local.processes import tied_to_parent, wait_until
from mlworker.serving.protocol import ENGINES_KEY, Announcement, engines_decode
from tests.live.load import Load, exact
from tests.live.machine import MANAGE, ROOT, Installation
from tests.live.serving import GOOD, MODEL, Customer, wait_serving

PARTS = ("worker-serve", "web", "redis")


def engine_pid(installation: Installation) -> int:
    return installation.pids("worker-serve")[0]


@pytest.mark.parametrize("rounds", [1, pytest.param(7, marks=pytest.mark.slow)])
def test_engine_gateway_and_redis_killed_under_load_lose_no_answer_and_no_money(
    customer: Customer, rounds: int
) -> None:
    """Once each; in the full form 21 kills, in an order of chance."""
    order = [part for _ in range(rounds) for part in random.Random(rounds).sample(PARTS, 3)]
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        for part in order:
            old = customer.installation.kill(part)
            customer.installation.wait_new(part, old)
            load.wait_answers(50)

    exact(load, before, kills=len(order))
    assert "drift 0" in customer.installation.manage("reconcile")


def test_an_emptied_redis_is_survived(customer: Customer) -> None:
    client = redis.Redis.from_url(customer.installation.env["REDIS_URL"])
    before = customer.events()

    with Load(customer) as load:
        load.wait_answers(50)
        for _ in range(3):
            client.flushall()
            load.wait_answers(50)

    exact(load, before, kills=0)


def test_a_killed_postgres_takes_no_answer_that_anybody_saw(customer: Customer) -> None:
    before = customer.events()

    with Load(customer) as load:
        for _ in range(3):
            load.wait_answers(50)
            old = customer.installation.kill("postgres")
            customer.installation.wait_new("postgres", old)
        load.wait_answers(50)

    assert wait_until(lambda: customer.http.get("/v1/billing/balance").is_success, seconds=30)
    exact(load, before, kills=3)


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
    exact(load, before, kills=0)


@contextmanager
def second_worker(installation: Installation) -> Iterator[psutil.Popen]:
    """`manage.py worker serve` as on another machine: a home of its own, and what it is given."""
    elsewhere = installation.home / "elsewhere"
    elsewhere.mkdir()
    given = {name: installation.env[name] for name in ("DATABASE_URL", "REDIS_URL", "STORAGE_URL")}
    given["SECRET_KEY"] = secrets_load(home_open(installation.home)).key
    with (installation.home / "second.txt").open("w") as said:
        started = psutil.Popen(
            [sys.executable, MANAGE, "worker", "serve"],
            cwd=ROOT,
            env=installation.plain_env | given | {"ANNEAL_HOME": str(elsewhere)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=tied_to_parent(signal.SIGTERM),
        )
    try:
        yield started
    finally:
        started.kill()
        started.wait(10)


def engines(installation: Installation) -> dict[int, Announcement]:
    """The living engines by process."""
    client = redis.Redis.from_url(installation.env["REDIS_URL"])
    said = engines_decode(client.hgetall(ENGINES_KEY))
    return {each.pid: each for each in said.values() if each.at > time.time() - 3}


def test_a_second_worker_takes_part_and_no_call_fails_when_either_is_lost(
    customer: Customer,
) -> None:
    installation, before = customer.installation, customer.events()

    def works(pid: int) -> bool:
        found = engines(installation).get(pid)
        return found is not None and found.rows_per_second > 0

    with second_worker(installation) as second, Load(customer) as load:
        assert wait_until(lambda: works(second.pid), seconds=90), second.status()

        second.suspend()  # with rows in hand: they are run on the other one
        assert wait_until(lambda: second.pid not in engines(installation), seconds=30)
        load.wait_answers(50)
        second.resume()
        assert wait_until(lambda: works(second.pid), seconds=30)

        old = engine_pid(installation)
        os.kill(old, signal.SIGTERM)
        installation.wait_new("worker-serve", old)
        load.wait_answers(50)
        fresh = engine_pid(installation)
        assert wait_until(lambda: works(fresh), seconds=90)

        second.kill()
        load.wait_answers(100)

    assert load.refused == load.unsure == []
    exact(load, before, kills=0)


def test_a_gateway_told_to_stop_lets_a_slow_call_end(customer: Customer) -> None:
    installation, before = customer.installation, customer.events()
    engine, web = engine_pid(installation), installation.pids("web")[0]
    os.kill(engine, signal.SIGSTOP)  # as one that loads cold weights
    try:
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(customer.classify, GOOD)
            time.sleep(0.5)
            os.kill(web, signal.SIGTERM)
            time.sleep(4)
            assert psutil.pid_exists(web)
            os.kill(engine, signal.SIGCONT)
            answer = waiting.result()
    finally:
        os.kill(engine, signal.SIGCONT)
    installation.wait_new("web", web)

    assert answer.status_code == 200, answer.text
    assert customer.events() == before + 1
    wait_serving(installation.url, customer.key)


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
    wait_serving(customer.installation.url, customer.key)


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
