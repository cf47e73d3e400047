"""Many clients at once: one key makes one job, and a balance is never oversold."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.live.machine import Installation
from tests.live.training import HEAD, Customer

AVAILABLE = (
    "SELECT granted - held - consumed - expired FROM ledger_balance"
    " WHERE organization_id = %s AND unit = 'trained_token'"
)


def _parallel_posts(
    customer: Customer, count: int, headers: dict[str, str], body: Any
) -> list[Any]:
    def post(_: int) -> httpx.Response:
        return customer.call("POST", "/fine_tuning/jobs", json=body, headers=headers)

    with ThreadPoolExecutor(min(count, 50)) as pool:
        return list(pool.map(post, range(count)))


def _one_key_one_job(installation: Installation, count: int) -> None:
    customer, other = Customer(installation), Customer(installation)
    body = {"model": "minilm-l6", "training_file": customer.dataset(), **HEAD}
    key = {"Idempotency-Key": uuid4().hex}

    first = _parallel_posts(customer, count, key, body)
    # Those that came while the first was in flight are told so, and come again.
    again = _parallel_posts(customer, count, key, body)

    assert {answer.status_code for answer in first} <= {200, 409}
    assert {a.json()["error"]["code"] for a in first if a.status_code == 409} <= {
        "idempotency_in_flight"
    }
    assert {answer.status_code for answer in again} <= {200, 409}
    good = [answer for answer in first + again if answer.status_code == 200]
    assert len({answer.json()["id"] for answer in good}) == 1
    assert all(answer.json() == good[0].json() for answer in good)
    replayed = Counter("Idempotent-Replayed" in answer.headers for answer in good)
    assert replayed[False] == 1
    assert len(customer.get("/fine_tuning/jobs")["data"]) == 1
    assert customer.tokens()["held"] + customer.tokens()["consumed"] > 0

    changed = customer.call("POST", "/fine_tuning/jobs", json={**body, "seed": 8}, headers=key)
    assert (changed.status_code, changed.json()["error"]["code"]) == (409, "idempotency_mismatch")
    mine = {**body, "training_file": other.dataset()}
    independent = other.call("POST", "/fine_tuning/jobs", json=mine, headers=key)
    assert independent.status_code == 200
    assert independent.json()["id"] != good[0].json()["id"]


def test_one_key_makes_one_job(installation: Installation) -> None:
    _one_key_one_job(installation, 40)


@pytest.mark.slow
def test_one_key_makes_one_job_of_two_hundred_calls(installation: Installation) -> None:
    _one_key_one_job(installation, 200)


def _never_oversold(
    installation: Installation, affordable: int, count: int
) -> tuple[Customer, list[str]]:
    customer = Customer(installation)
    body = {"model": "minilm-l6", "training_file": customer.dataset(), **HEAD}
    price = customer.post("/fine_tuning/jobs/estimate", body)["trained_tokens"]
    _leave(customer, price * affordable)

    with _lowest_balance(customer) as lowest:
        answers = _parallel_posts(customer, count, {}, body)

    assert len(lowest) > count
    assert min(lowest) == 0
    assert Counter(a.status_code for a in answers) == {200: affordable, 402: count - affordable}
    assert customer.tokens()["available"] == 0
    return customer, [answer.json()["id"] for answer in answers if answer.status_code == 200]


@contextlib.contextmanager
def _lowest_balance(customer: Customer) -> Iterator[list[int]]:
    """Look at what is available again and again, each time in a snapshot of its own."""
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        with psycopg.connect(customer.installation.superuser_url, autocommit=True) as link:
            while not over.wait(0.002):
                row = link.execute(AVAILABLE, [customer.organization]).fetchone()
                seen.append(int(row[0]) if row else 0)

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield seen
        finally:
            over.set()
            watching.result(timeout=60)


def _leave(customer: Customer, units: int) -> None:
    """Hold all but so many of the organization's tokens, as another job would."""
    rest = customer.tokens()["available"] - units
    request = (
        "SELECT code FROM hold_take(jsonb_build_array(jsonb_build_object("
        "'organization_id', %s::text, 'hold_id', %s::text, 'unit', 'trained_token',"
        " 'amount', %s::bigint, 'ttl_seconds', 3600, 'source', 'test')))"
    )
    with psycopg.connect(customer.installation.env["DATABASE_URL"]) as link:
        (code,) = link.execute(
            request, [str(customer.organization), str(uuid4()), rest]
        ).fetchone() or ("",)
    assert code == "accepted"


def test_a_balance_for_two_jobs_admits_two_of_thirty(installation: Installation) -> None:
    customer, jobs = _never_oversold(installation, 2, 30)
    charged = [customer.post(f"/fine_tuning/jobs/{job}/cancel")["trained_tokens"] for job in jobs]
    tokens = customer.tokens()
    assert tokens["consumed"] == sum(charged)


@pytest.mark.slow
def test_a_balance_for_ten_jobs_admits_ten_of_a_hundred(installation: Installation) -> None:
    customer, jobs = _never_oversold(installation, 10, 100)
    ended = [customer.ended(job, 300) for job in jobs]
    assert customer.tokens()["consumed"] == sum(job["quoted_tokens"] for job in ended)
