import json
import time

import pytest
import stripe

from tests.stripe_fake import StripeFake, serving, signature
from tests.stripe_fake.official import official_client
from tests.stripe_fake.receiver import Receiver, receiving
from tests.unit.stripe_fake.acts import wait_for

Client = stripe.StripeClient


def names(receiver: Receiver) -> list[str]:
    """The names of the customers whose events came, in order."""
    return [json.loads(each.body)["data"]["object"]["name"] for each in receiver.received]


def create(client: Client, *wanted: str) -> None:
    for name in wanted:
        client.v1.customers.create({"name": name})


def test_the_official_client_accepts_the_signature(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    secret = fake.endpoint(receiver.url)["secret"]
    create(client, "a")
    assert fake.webhooks.deliver() == 1
    (came,) = receiver.received
    event = client.construct_event(came.body, came.signature, secret)
    assert (event.type, event.data.object.name) == ("customer.created", "a")
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(came.body, came.signature, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(came.body.replace(b'"a"', b'"b"'), came.signature, secret)


def test_each_endpoint_gets_what_it_asked_for_with_its_own_secret(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url, types=["charge.succeeded"])
    secret = fake.endpoint(receiver.url, types=["customer.created"])["secret"]
    create(client, "a")
    fake.webhooks.deliver()
    (came,) = receiver.received
    assert client.construct_event(came.body, came.signature, secret).type == "customer.created"


def test_nothing_is_sent_before_somebody_listens_or_when_it_is_off(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    create(client, "a")
    made = fake.endpoint(receiver.url)
    client.v1.webhook_endpoints.update(made["id"], {"disabled": True})
    create(client, "b")
    assert fake.webhooks.deliver() == 0


def test_a_delivered_event_is_pending_no_more(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url)
    create(client, "a")
    (waiting,) = client.v1.events.list({"delivery_success": False})
    assert waiting.pending_webhooks == 1
    fake.webhooks.deliver()
    (done,) = client.v1.events.list({"delivery_success": True})
    assert (done.id, done.pending_webhooks) == (waiting.id, 0)


def test_what_is_refused_comes_again_until_it_is_taken(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url)
    receiver.status = 500
    create(client, "a")
    assert fake.webhooks.deliver() == 0
    assert fake.webhooks.deliver() == 0
    assert len(receiver.received) == 1
    receiver.status = 200
    fake.advance(minutes=6)
    assert fake.webhooks.deliver() == 1
    first, second = receiver.received
    assert first.body == second.body
    assert fake.webhooks.waiting == []


def test_after_three_days_stripe_gives_up(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url)
    receiver.status = 503
    create(client, "a")
    for _ in range(80):
        fake.webhooks.deliver()
        fake.advance(hours=1)
    tried = len(receiver.received)
    assert tried > 5
    receiver.status = 200
    assert (fake.webhooks.deliver(), len(receiver.received)) == (0, tried)
    (lost,) = client.v1.events.list({"delivery_success": False})
    assert fake.webhooks.resend(lost.id)
    assert len(receiver.received) == tried + 1
    assert client.v1.events.retrieve(lost.id).pending_webhooks == 0


def test_an_address_where_nobody_listens_is_tried_again(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    made = fake.endpoint("http://127.0.0.1:9/webhooks")
    create(client, "a")
    assert fake.webhooks.deliver() == 0
    client.v1.webhook_endpoints.update(made["id"], {"url": receiver.url})
    fake.advance(minutes=6)
    assert fake.webhooks.deliver() == 1


def test_an_endpoint_that_is_off_or_gone_is_not_tried_again(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    off, gone = fake.endpoint(receiver.url), fake.endpoint(receiver.url)
    create(client, "a")
    client.v1.webhook_endpoints.update(off["id"], {"disabled": True})
    client.v1.webhook_endpoints.delete(gone["id"])
    assert fake.webhooks.deliver() == 0
    assert fake.webhooks.waiting == []
    client.v1.webhook_endpoints.update(off["id"], {"disabled": False})
    create(client, "b")
    fake.webhooks.deliver()
    assert names(receiver) == ["b"]


def test_events_can_come_many_times(fake: StripeFake, client: Client, receiver: Receiver) -> None:
    fake.endpoint(receiver.url)
    fake.webhooks_set(copies=3)
    create(client, "a", "b")
    assert fake.webhooks.deliver() == 6
    assert names(receiver) == ["a", "a", "a", "b", "b", "b"]


def test_events_can_come_in_any_order(fake: StripeFake, client: Client, receiver: Receiver) -> None:
    fake.endpoint(receiver.url)
    fake.webhooks_set(order="reversed")
    create(client, "a", "b", "c")
    fake.webhooks.deliver()
    assert names(receiver) == ["c", "b", "a"]
    receiver.received.clear()
    fake.webhooks_set(order="shuffled")
    wanted = [f"n{number}" for number in range(12)]
    create(client, *wanted)
    fake.webhooks.deliver()
    assert names(receiver) != wanted
    assert sorted(names(receiver)) == sorted(wanted)


def test_events_can_come_late(fake: StripeFake, client: Client, receiver: Receiver) -> None:
    fake.endpoint(receiver.url)
    fake.webhooks_set(delay=3600)
    create(client, "a")
    fake.webhooks_set(delay=0)
    create(client, "b")
    fake.webhooks.deliver()
    fake.advance(hours=1)
    fake.webhooks.deliver()
    assert names(receiver) == ["b", "a"]


def test_events_can_be_lost_and_still_be_listed(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url)
    fake.webhooks_set(drop=["customer.created"])
    create(client, "a")
    fake.webhooks_set(delay=0)
    create(client, "lost too")
    fake.webhooks_set(drop=[])
    create(client, "b")
    fake.webhooks.deliver()
    assert names(receiver) == ["b"]
    lost = client.v1.events.list({"delivery_success": False})
    assert [each.data.object.name for each in lost] == ["lost too", "a"]
    fake.webhooks_set(drop=["*"])
    create(client, "c")
    assert fake.webhooks.deliver() == 0


def test_an_old_signature_is_refused(fake: StripeFake, client: Client, receiver: Receiver) -> None:
    secret = fake.endpoint(receiver.url)["secret"]
    fake.webhooks_set(age=301)
    create(client, "a")
    fake.webhooks.deliver()
    (came,) = receiver.received
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        client.construct_event(came.body, came.signature, secret)


def test_the_signature_is_the_official_clients_own() -> None:
    body, now = '{"a": "é"}', int(time.time())
    wanted = stripe.WebhookSignature.generate_signature_header(body, "whsec_1", now)
    assert signature(body, "whsec_1", at=now) == wanted


def test_webhooks_can_be_sent_by_themselves(receiver: Receiver) -> None:
    with serving(StripeFake(), automatic=True) as fake, official_client(fake) as client:
        fake.endpoint(receiver.url)
        create(client, "a", "b")
        wait_for(lambda: len(receiver.received) == 2)
    assert names(receiver) == ["a", "b"]


def test_a_receiver_may_ask_the_fake_while_it_answers(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url)
    create(client, "a")
    receiver.asks = lambda: client.v1.events.list()
    assert fake.webhooks.deliver() == 1


def test_an_event_is_pending_until_each_endpoint_took_it_however_often_it_comes(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    fake.endpoint(receiver.url)
    fake.endpoint("http://127.0.0.1:9/webhooks")
    fake.webhooks_set(copies=2)
    create(client, "a")
    assert fake.webhooks.deliver() == 2
    (event,) = client.v1.events.list()
    assert event.pending_webhooks == 1


def test_an_answer_that_names_another_address_takes_nothing(
    fake: StripeFake, client: Client, receiver: Receiver
) -> None:
    with receiving() as elsewhere:
        fake.endpoint(receiver.url)
        receiver.status, receiver.location = 302, elsewhere.url
        create(client, "a")
        assert fake.webhooks.deliver() == 0
        assert elsewhere.received == []
