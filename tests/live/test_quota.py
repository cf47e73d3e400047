"""The trial's quota as a customer meets it: over HTTP, with many clients at once."""

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.live.machine import Installation

CREDIT, CLIENTS = 25, 60


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Header names mean the same in any case."""
    return {name.lower(): value for name, value in headers.items()}


class Customer:
    """A new organization, and its calls."""

    def __init__(self, installation: Installation, credit: int) -> None:
        self.url = installation.url
        account = installation.account_new(credit)
        self.key, self.organization_id = account.key, account.id

    def call(
        self, path: str, body: dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer), _lower(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), _lower(error.headers)

    def classify(self, text: str, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        return self.call("/v1/classify", {"model": "sentiment-en", "input": text}, **headers)

    def balance(self) -> dict[str, Any]:
        _, body, _ = self.call("/v1/billing/balance")
        found: dict[str, Any] = next(one for one in body["data"] if one["unit"] == "prediction")
        return found


@pytest.fixture
def customer(installation: Installation) -> Customer:
    return Customer(installation, CREDIT)


def test_sixty_clients_share_the_last_twenty_five_predictions(
    installation: Installation, customer: Customer
) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda n: customer.classify(f"text {n}"), range(CLIENTS)))

    statuses = Counter(status for status, _, _ in answers)
    assert statuses == {200: CREDIT, 402: CLIENTS - CREDIT}
    errors = [body["error"] for status, body, _ in answers if status == 402]
    assert {(error["code"], error["type"]) for error in errors} == {
        ("quota_exhausted", "insufficient_quota")
    }
    assert all("operator" in error["message"] for error in errors)
    balance = customer.balance()
    assert (balance["consumed"], balance["held"], balance["available"]) == (CREDIT, 0, 0)
    _, usage, _ = customer.call("/v1/usage")
    assert sum(one["units"] for day in usage["data"] for one in day["results"]) == CREDIT
    assert json.loads(installation.manage("reconcile", "--json").splitlines()[-1])["drift"] == 0


def test_a_retry_with_the_same_key_is_answered_and_not_charged(customer: Customer) -> None:
    first = customer.classify("a fine film", Idempotency_Key="retry-1")
    again = customer.classify("a fine film", Idempotency_Key="retry-1")
    other = customer.classify("another film", Idempotency_Key="retry-1")

    assert (first[0], again[0]) == (200, 200)
    assert again[1] == first[1]
    assert again[2]["idempotent-replayed"] == "true"
    assert (other[0], other[1]["error"]["code"]) == (409, "idempotency_mismatch")
    assert customer.balance()["consumed"] == 1


def test_two_hundred_callers_with_one_key_are_charged_once(customer: Customer) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(
            pool.map(lambda _: customer.classify("one", Idempotency_Key="all"), range(200))
        )

    statuses = Counter(status for status, _, _ in answers)
    bodies = {json.dumps(body, sort_keys=True) for status, body, _ in answers if status == 200}
    assert set(statuses) <= {200, 409}
    assert len(bodies) == 1
    assert customer.balance()["consumed"] == 1


def test_more_items_than_are_left_are_refused_whole(customer: Customer) -> None:
    status, body, _ = customer.call(
        "/v1/classify", {"model": "sentiment-en", "input": ["text"] * (CREDIT + 1)}
    )

    assert (status, body["error"]["code"]) == (402, "quota_exhausted")
    assert customer.balance()["available"] == CREDIT


def test_a_hold_nobody_settles_comes_back(installation: Installation, customer: Customer) -> None:
    with psycopg.connect(installation.env["DATABASE_URL"], autocommit=True) as connection:
        request = {
            "organization_id": str(customer.organization_id),
            "hold_id": str(uuid7()),
            "unit": "prediction",
            "amount": 5,
            "ttl_seconds": 1,
        }
        connection.execute("SELECT * FROM hold_take(%s::jsonb)", [json.dumps([request])])

    assert customer.balance()["held"] == 5
    deadline = time.monotonic() + 30
    while customer.balance()["held"] and time.monotonic() < deadline:
        time.sleep(0.5)
    assert customer.balance()["available"] == CREDIT
