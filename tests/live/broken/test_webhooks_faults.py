"""A webhook's worker that dies between the call and the note of its answer."""

import psycopg

from anneal.local.processes import wait_until
from tests.live.machine import Installation
from tests.live.serving import Customer
from tests.live.test_webhooks import make_webhook, only_delivery
from tests.unit.webhooks.receiver import receiver_running


def test_a_worker_killed_while_it_sends_sends_again_under_the_same_id(
    broken: Installation, customer: Customer
) -> None:
    with receiver_running() as receiver:
        receiver.hold.clear()
        webhook = make_webhook(customer, receiver)
        customer.http.post(f"/v1/webhooks/{webhook['id']}/test")
        assert wait_until(lambda: len(receiver.received) == 1, seconds=20, pause=0.05)

        old = broken.kill("worker-default")
        receiver.hold.set()
        broken.wait_new("worker-default", old)
        assert only_delivery(customer, webhook)["state"] == "waiting"
        with psycopg.connect(broken.superuser_url, autocommit=True) as link:
            # A minute and a half in production.
            link.execute("UPDATE webhooks_delivery SET claimed_until = now()")

        assert wait_until(
            lambda: only_delivery(customer, webhook)["state"] == "delivered", seconds=40, pause=0.1
        )

        assert len(set(receiver.ids)) == 1
        assert len(receiver.received) == 2
        assert only_delivery(customer, webhook)["attempts"] == 2
