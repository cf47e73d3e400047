"""The outbox: a message is a row until Redis has it."""

import json

import pytest
from celery import current_app
from django.db import connection
from kombu import pools

from anneal.kernel.models import OutboxMessage
from anneal.kernel.outbox import outbox_add, outbox_relay
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope

pytestmark = pytest.mark.django_db

QUEUE = "test-outbox"


@pytest.fixture(autouse=True)
def _empty_queue():
    redis_client().delete(QUEUE)
    yield
    redis_client().delete(QUEUE)


def _unsent() -> int:
    with system_scope("test"):
        return OutboxMessage.objects.filter(queue=QUEUE, sent_at__isnull=True).count()


def test_a_message_waits_for_the_relay_and_is_published_once(
    organization: OrganizationRef,
) -> None:
    with tenant_scope(organization):
        outbox_add(task="x.y", queue=QUEUE, payload={"n": 1})
    assert redis_client().llen(QUEUE) == 0

    outbox_relay()
    outbox_relay()

    (raw,) = redis_client().lrange(QUEUE, 0, -1)
    assert json.loads(raw)["headers"]["task"] == "x.y"
    assert _unsent() == 0


def test_a_rolled_back_message_never_existed(organization: OrganizationRef) -> None:
    with pytest.raises(ZeroDivisionError), tenant_scope(organization):
        outbox_add(task="x.y", queue=QUEUE, payload={})
        _ = 1 / 0
    outbox_relay()
    assert redis_client().llen(QUEUE) == 0


def _use_broker(url: str) -> None:
    current_app.conf.broker_url = current_app.conf.broker_write_url = url
    # The producers' pool keeps the connections it has made.
    current_app.amqp._producer_pool = None
    current_app._pool = None
    pools.reset()


def test_messages_stay_when_redis_is_away(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        outbox_add(task="x.y", queue=QUEUE, payload={})
    broker = current_app.conf.broker_url
    _use_broker("redis+socket:///nowhere/redis.sock")
    try:
        with pytest.raises(Exception, match=r"(?i)connect|no such file"):
            outbox_relay()
    finally:
        _use_broker(broker)
    assert _unsent() == 1
    outbox_relay()
    assert _unsent() == 0


def test_a_batch_in_another_relays_hands_is_left_alone(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        outbox_add(task="x.y", queue=QUEUE, payload={})
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute("UPDATE kernel_outboxmessage SET claimed_until = now() + interval '1 min'")
    assert outbox_relay() == 0
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute("UPDATE kernel_outboxmessage SET claimed_until = now() - interval '1 s'")
    assert outbox_relay() == 1
