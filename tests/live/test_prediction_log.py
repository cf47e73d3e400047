"""The prediction log of a running installation: opt-in, hidden, and never in the way."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from anneal.local.processes import wait_until
from tests.live.machine import Installation
from tests.live.serving import GOOD, MODEL, Customer, serving

SECRET = "I am bob@mail.org, card 4111 1111 1111 1111, and it was wonderful."
FLOOD = 8
ITEMS = 500


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Iterator[Customer]:
    with serving(installation) as made:
        yield made


class Log:
    """A deployment and its log."""

    def __init__(self, customer: Customer, name: str) -> None:
        self.customer, self.name = customer, name
        body = {"name": name, "model": MODEL}
        made = customer.http.post("/v1/deployments", json=body).raise_for_status().json()
        self.address = f"/v1/deployments/{made['id']}"

    def keep(self, **settings: Any) -> None:
        body = {"enabled": True, **settings}
        self.customer.http.put(f"{self.address}/prediction_log", json=body).raise_for_status()

    def rows(self, **query: Any) -> list[dict[str, Any]]:
        answer = self.customer.http.get(f"{self.address}/predictions", params=query)
        data: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        return data

    def counted(self, name: str) -> int:
        state = self.customer.http.get(f"{self.address}/prediction_log").json()
        return sum(day[name] for day in state["days_counted"])


def test_a_call_is_kept_hidden_once_the_log_is_on(customer: Customer) -> None:
    log = Log(customer, "kept")
    customer.classify("before it was on", model=log.name).raise_for_status()
    log.keep(words=["wonderful"])

    answer = customer.classify([SECRET, GOOD], model=log.name).json()
    pipeline = customer.http.post(f"/hf/models/{log.name}", json={"inputs": "bare words"})
    customer.classify("not by the deployment's name").raise_for_status()

    assert pipeline.status_code == 200
    assert wait_until(lambda: len(log.rows()) == 3, seconds=60, pause=0.5)
    rows = {row["id"]: row for row in log.rows()}
    first, second = answer["data"]
    assert rows[first["id"]]["text"] == "I am [email], card [card], and it was [hidden]."
    assert rows[first["id"]]["hidden"] == 3
    assert rows[second["id"]]["labels"] == [second["label"]]
    assert rows[second["id"]]["score"] == pytest.approx(second["score"], abs=1e-6)
    texts = {row["text"] for row in rows.values()}
    assert "bare words" in texts
    assert "before it was on" not in texts
    assert log.counted("answered") == log.counted("kept") == 3
    judged = {"prediction": second["id"], "label": "positive"}
    given = customer.http.post("/v1/feedback", json=judged).raise_for_status().json()
    assert given["text"] is not None


def test_turned_off_it_keeps_nothing_more(customer: Customer) -> None:
    log, beside = Log(customer, "ended"), Log(customer, "beside")
    log.keep()
    beside.keep()
    customer.classify("the last", model=log.name).raise_for_status()
    assert wait_until(lambda: len(log.rows()) == 1, seconds=60, pause=0.5)

    log.keep(enabled=False)
    customer.classify("one more", model=log.name).raise_for_status()
    customer.classify("a mark", model=beside.name).raise_for_status()

    assert wait_until(lambda: len(beside.rows()) == 1, seconds=60, pause=0.5)
    assert [row["text"] for row in log.rows()] == ["the last"]


def test_a_flood_is_sampled_and_counted_and_calls_are_answered(customer: Customer) -> None:
    log = Log(customer, "flooded")
    log.keep()
    # Decided by a rule, so that no engine slows the flood down.
    rule = {"name": "all", "pattern": "flood", "label": "wet"}
    rules = customer.http.put(f"{log.address}/rules", json={"rules": [rule]})
    rules.raise_for_status()

    def call(number: int) -> float:
        begun = time.monotonic()
        texts = [f"flood {number} {place}" for place in range(ITEMS)]
        customer.classify(texts, model=log.name).raise_for_status()
        return time.monotonic() - begun

    with ThreadPoolExecutor(FLOOD) as threads:
        took = list(threads.map(call, range(5 * FLOOD)))

    sent = 5 * FLOOD * ITEMS
    assert wait_until(lambda: log.counted("answered") == sent, seconds=60, pause=0.5)
    kept, dropped = log.counted("kept"), log.counted("dropped")
    assert kept + dropped == sent
    assert min(kept, dropped) > 0
    assert max(took) < 30
