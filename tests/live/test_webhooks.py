"""Webhooks as a customer gets them: a real worker, a real receiver, somebody else's verifier."""

import json
from typing import Any

import openai

from anneal.local.processes import wait_until
from tests.live.machine import Installation
from tests.live.serving import Customer
from tests.unit.webhooks.receiver import Received, Receiver, receiver_running

CREDIT = 10


def make_webhook(customer: Customer, receiver: Receiver, *types: str) -> dict[str, Any]:
    body = {"url": receiver.url, "event_types": list(types)}
    answer = customer.http.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def only_delivery(customer: Customer, webhook: dict[str, Any]) -> dict[str, Any]:
    (row,) = customer.http.get(f"/v1/webhooks/{webhook['id']}/deliveries").json()["data"]
    found: dict[str, Any] = row
    return found


def verified(one: Received, secret: str) -> dict[str, Any]:
    client = openai.OpenAI(api_key="unused")
    client.webhooks.verify_signature(one.body, one.headers, secret=secret)
    event: dict[str, Any] = json.loads(one.body)
    assert event["id"] == one.headers["webhook-id"]
    return event


def test_a_threshold_arrives_signed_and_a_failing_receiver_gets_its_event_again(
    installation: Installation,
) -> None:
    customer = Customer(installation, credit=CREDIT)
    with customer.http, receiver_running() as well, receiver_running() as failing:
        failing.statuses = [500, 500, 200]
        watching = make_webhook(customer, well, "usage.threshold_reached")
        tried = make_webhook(customer, failing, "dataset.ready")
        customer.http.post(f"/v1/webhooks/{tried['id']}/test")
        assert customer.classify(["text"] * (CREDIT // 2)).status_code == 200

        assert wait_until(lambda: len(failing.received) == 2, seconds=20, pause=0.1)
        again = only_delivery(customer, tried)
        assert (again["state"], again["attempts"]) in {("waiting", 1), ("waiting", 2)}
        # The third wait is a minute; a person need not wait for it.
        wait_until(lambda: only_delivery(customer, tried)["attempts"] == 2, seconds=5, pause=0.1)
        resend = f"/v1/webhooks/{tried['id']}/deliveries/{again['id']}/resend"
        assert customer.http.post(resend).status_code == 202
        delivered = wait_until(
            lambda: only_delivery(customer, tried)["state"] == "delivered", seconds=10, pause=0.1
        )
        assert delivered, only_delivery(customer, tried)
        assert wait_until(lambda: bool(well.received), seconds=20, pause=0.1)

        assert failing.ids == [again["event"]] * 3
        assert [verified(one, tried["secret"])["type"] for one in failing.received] == [
            "webhook.test"
        ] * 3
        final = only_delivery(customer, tried)
        assert (final["attempts"], final["response_status"]) == (3, 200)
        (one,) = well.received
        event = verified(one, watching["secret"])
        assert event["type"] == "usage.threshold_reached"
        (notice,) = customer.http.get("/v1/billing/notices").json()["data"]
        assert event["data"] == {key: notice[key] for key in event["data"]}
        assert (event["data"]["unit"], event["data"]["threshold"]) == ("prediction", 50)
