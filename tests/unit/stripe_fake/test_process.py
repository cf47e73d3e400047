import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from tests.stripe_fake import API_KEY
from tests.stripe_fake.receiver import Receiver
from tests.unit.stripe_fake.acts import wait_for

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def address() -> Iterator[str]:
    """A fake in a process of its own."""
    command = [sys.executable, "-m", "tests.stripe_fake"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()
        assert process.wait(20) == 0


def turn(address: str, knob: str, **arguments: Any) -> Any:
    answer = requests.post(f"{address}/_fake/{knob}", json=arguments, timeout=20)
    return answer.json()["result"]


def test_another_process_is_steered_over_http(address: str, receiver: Receiver) -> None:
    secret = turn(address, "endpoint", url=receiver.url)["secret"]
    with requests.Session() as session:
        stripe_client = stripe.StripeClient(
            API_KEY,
            base_addresses={"api": address},
            http_client=stripe.RequestsClient(session=session),
        )
        made = stripe_client.v1.customers.create({"name": "Ada"})
        turn(address, "advance", days=40)
        assert [each["id"] for each in turn(address, "all", kind="customer")] == [made.id]
        assert stripe_client.v1.events.list().data == []
    wait_for(lambda: receiver.received)
    (came,) = receiver.received
    event = stripe_client.construct_event(came.body, came.signature, secret)
    assert event.data.object.id == made.id
    assert turn(address, "broken") == []


def test_a_misused_knob_says_how(address: str) -> None:
    unknown = requests.post(f"{address}/_fake/explode", timeout=20)
    assert (unknown.status_code, "there are advance" in unknown.text) == (404, True)
    misused = requests.post(f"{address}/_fake/webhooks", json={"colour": 1}, timeout=20)
    assert (misused.status_code, "no knob colour" in misused.text) == (400, True)
