"""Batches in a whole installation: the unchanged `openai` client, cancels, and parts that die."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from anneal.local.processes import wait_until
from mlworker.engine.precision import NEIGHBOURS
from tests.live.machine import Installation
from tests.live.serving import BAD, GOOD, MODEL, Customer

ENDED = ("completed", "failed", "expired", "cancelled")


@pytest.fixture
def openai(customer: Customer) -> Iterator[OpenAI]:
    url = f"{customer.installation.url}/v1"
    with OpenAI(base_url=url, api_key=customer.key, max_retries=0) as client:
        yield client


def _lines(count: int) -> bytes:
    """Requests of different lengths, every seventh of which cannot be answered."""
    lines = []
    for number in range(count):
        text = (
            "" if number % 7 == 3 else f"{GOOD if number % 2 else BAD} {'Really. ' * (number % 9)}"
        )
        body = {"model": MODEL, "input": text}
        line = {"custom_id": f"n{number}", "method": "POST", "url": "/v1/classify", "body": body}
        lines.append(json.dumps(line))
    return "\n".join(lines).encode()


def _begun(openai: OpenAI, count: int) -> str:
    file = openai.files.create(file=("many.jsonl", _lines(count)), purpose="batch")
    return openai.batches.create(
        input_file_id=file.id, endpoint="/v1/classify", completion_window="24h"  # type: ignore[arg-type] # an endpoint of ours
    ).id  # fmt: skip


def _reached(openai: OpenAI, batch_id: str, completed: int) -> bool:
    def far() -> bool:
        counts = openai.batches.retrieve(batch_id).request_counts
        return counts is not None and counts.completed >= completed

    return wait_until(far, seconds=120, pause=0.3)


def _ended(openai: OpenAI, batch_id: str, *, seconds: float = 240) -> Any:
    def over() -> bool:
        return openai.batches.retrieve(batch_id).status in ENDED

    assert wait_until(over, seconds=seconds, pause=0.5), openai.batches.retrieve(batch_id)
    return openai.batches.retrieve(batch_id)


def _output(openai: OpenAI, file_id: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in openai.files.content(file_id).text.splitlines()]


def test_the_openai_client_unchanged_runs_a_batch(openai: OpenAI, customer: Customer) -> None:
    before = customer.events()
    batch_id = _begun(openai, 50)
    done = _ended(openai, batch_id)
    assert done.status == "completed"
    assert done.request_counts.total == 50
    output, errors = (_output(openai, each) for each in (done.output_file_id, done.error_file_id))
    assert [line["custom_id"] for line in output] == [f"n{n}" for n in range(50) if n % 7 != 3]
    assert [line["custom_id"] for line in errors] == [f"n{n}" for n in range(50) if n % 7 == 3]
    online = customer.classify(f"{GOOD} {'Really. ' * 1}").json()["data"][0]
    row = output[1]["response"]["body"]["data"][0]
    assert row["label"] == online["label"]
    assert row["score"] == pytest.approx(online["score"], abs=NEIGHBOURS)
    assert customer.events() - before == len(output) + 1
    assert batch_id in [each.id for each in openai.batches.list()]


def test_a_batch_outlives_its_worker_the_engine_and_redis_and_is_paid_once(
    openai: OpenAI, customer: Customer, broken: Installation
) -> None:
    count, before = 3_000, customer.events()
    good = [f"n{number}" for number in range(count) if number % 7 != 3]
    batch_id = _begun(openai, count)
    assert _reached(openai, batch_id, 1)
    for part in ("worker-default", "worker-serve", "redis"):
        old = broken.kill(part)
        broken.wait_new(part, old)
        so_far = openai.batches.retrieve(batch_id).request_counts
        assert so_far is not None
        assert _reached(openai, batch_id, min(so_far.completed + 1, len(good)))

    done = _ended(openai, batch_id)

    assert done.status == "completed", done
    output = _output(openai, done.output_file_id)
    assert [line["custom_id"] for line in output] == good
    assert customer.events() - before == len(good)
    balance = customer.balance()
    assert (balance["consumed"], balance["held"]) == (before + len(good), 0)


def test_calls_are_answered_at_once_beside_a_batch_and_a_cancel_keeps_what_is_done(
    openai: OpenAI, customer: Customer
) -> None:
    before = customer.events()
    batch_id = _begun(openai, 2_000)
    assert _reached(openai, batch_id, 1)
    customer.classify(GOOD)
    for _ in range(20):
        assert customer.classify(GOOD).status_code == 200
    openai.batches.cancel(batch_id)
    done = _ended(openai, batch_id, seconds=60)

    # The batch has four chunks: if calls waited for them, twenty would have outlasted it.
    assert done.status == "cancelled"
    assert 0 < done.request_counts.completed < 2_000
    output = _output(openai, done.output_file_id)
    assert len(output) == done.request_counts.completed
    assert customer.events() - before == len(output) + 21
    assert customer.balance()["held"] == 0
