"""Deliveries over real sockets: once, again after failure, fenced, bounded, given up."""

from datetime import timedelta

import openai
import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, current_scope, system_scope, tenant_scope
from tenants.webhooks import sender, tasks
from tenants.webhooks.contracts import Fact
from tenants.webhooks.models import Delivery, WebhookEvent
from tenants.webhooks.sending import Outcome
from tenants.webhooks.services import attempts
from tenants.webhooks.services.attempts import (
    DELAYS,
    JITTER,
    LEASE,
    attempt_book,
    attempt_make,
    attempts_claim,
)
from tenants.webhooks.services.deliveries import delivery_resend
from tenants.webhooks.services.emit import fact_emit
from tenants.webhooks.services.webhooks import webhook_delete, webhook_rotate
from tests.unit.webhooks.helpers import deliveries, emit, make_webhook, only_webhook
from tests.unit.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db

OK = Outcome(204, "", 5)
BAD = Outcome(500, "status", 5)
SILENT = Outcome(None, "timeout", 15_000)


def due(organization: OrganizationRef) -> None:
    """Let the waiting deliveries' time come."""
    with tenant_scope(organization):
        Delivery.objects.update(next_attempt_at=clock.now())


def test_an_event_arrives_signed_and_is_told_as_delivered(
    organization: OrganizationRef, receiver: Receiver
) -> None:
    made = make_webhook(organization, receiver.url)
    emit(organization, "dataset.ready", id="ds_1", version="dsv_1")

    tasks.deliver()
    tasks.deliver()

    (row,) = deliveries(organization)
    (one,) = receiver.received
    event_id = public_id("evt_", row.event_id)
    created = int(row.event.created_at.timestamp())
    assert one.headers["webhook-id"] == event_id
    assert one.body.decode() == (
        f'{{"id":"{event_id}","object":"event","type":"dataset.ready","created_at":{created},'
        '"data":{"id":"ds_1","version":"dsv_1"}}'
    )
    client = openai.OpenAI(api_key="unused")
    client.webhooks.verify_signature(one.body, one.headers, secret=made.secret)
    assert (row.state, row.attempts, row.response_status, row.error) == ("delivered", 1, 204, "")
    assert row.delivered_at is not None
    assert row.claimed_until is None


def test_a_failure_is_tried_again_under_the_same_id(
    organization: OrganizationRef, receiver: Receiver
) -> None:
    make_webhook(organization, receiver.url)
    receiver.statuses = [500, 503, 200]
    emit(organization)

    for _ in range(4):
        tasks.deliver()
        due(organization)

    (row,) = deliveries(organization)
    assert len(receiver.ids) == 3
    assert len(set(receiver.ids)) == 1
    assert len({one.body for one in receiver.received}) == 1
    assert (row.state, row.attempts, row.response_status) == ("delivered", 3, 200)
    assert only_webhook(organization).failing_since is None


def test_both_secrets_sign_until_the_day_is_over(
    organization: OrganizationRef, receiver: Receiver
) -> None:
    made = make_webhook(organization, receiver.url)
    with tenant_scope(organization):
        rotated = webhook_rotate(
            organization=organization, actor=SYSTEM_ACTOR, webhook_id=made.webhook.id
        )
    emit(organization)
    tasks.deliver()
    emit(organization)
    with clock.frozen(clock.now() + timedelta(hours=24, seconds=1)):
        tasks.deliver()

    within, after = receiver.received
    client = openai.OpenAI(api_key="unused")
    for secret in (made.secret, rotated.secret):
        client.webhooks.verify_signature(within.body, within.headers, secret=secret)
    assert len(within.headers["webhook-signature"].split(" ")) == 2
    assert len(after.headers["webhook-signature"].split(" ")) == 1


def test_nothing_is_kept_and_rung_for_when_nobody_listens(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    make_webhook(organization, "https://example.com/", "dataset.failed")
    make_webhook(organization, "https://example.com/", enabled=False)
    make_webhook(other_organization, "https://example.com/")

    emit(organization, "dataset.ready")

    with system_scope("test"):
        assert WebhookEvent.objects.count() == 0
        assert OutboxMessage.objects.filter(task="webhooks.deliver").count() == 0
    emit(organization, "dataset.failed")
    assert len(deliveries(organization)) == 1
    assert deliveries(other_organization) == []
    with system_scope("test"):
        assert OutboxMessage.objects.filter(task="webhooks.deliver").count() == 1


def test_an_event_of_a_rolled_back_fact_never_was(organization: OrganizationRef) -> None:
    make_webhook(organization, "https://example.com/")
    with pytest.raises(ZeroDivisionError), tenant_scope(organization):
        fact_emit(Fact(organization, "dataset.ready", {"id": "ds_1"}))
        assert Delivery.objects.count() == 1
        _ = 1 / 0
    assert deliveries(organization) == []
    with system_scope("test"):
        assert OutboxMessage.objects.filter(task="webhooks.deliver").count() == 0


def test_a_claim_is_nobody_elses_until_its_lease_is_over(organization: OrganizationRef) -> None:
    make_webhook(organization, "https://example.com/")
    emit(organization)

    (first,) = attempts_claim(5)
    assert attempts_claim(5) == []
    # The worker was killed: nothing is booked, and the lease goes by.
    with tenant_scope(organization):
        Delivery.objects.update(claimed_until=Now() - LEASE)
    (second,) = attempts_claim(5)

    assert (second.event_id, second.body) == (first.event_id, first.body)
    assert (first.number, second.number) == (1, 2)
    attempt_book(first, BAD)  # it comes back after all, and writes nothing
    (row,) = deliveries(organization)
    assert (row.state, row.claimed_until is None, row.error) == ("waiting", False, "")
    attempt_book(second, OK)
    assert deliveries(organization)[0].state == "delivered"


def test_one_webhook_takes_two_slots_a_failing_one_takes_one(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    dead = make_webhook(organization, "https://dead.example/").webhook
    for _ in range(5):
        emit(organization)
    make_webhook(other_organization, "https://well.example/")
    for _ in range(3):
        emit(other_organization)

    first = attempts_claim(32)
    assert (
        sorted(one.url for one in first)
        == ["https://dead.example/"] * 2 + ["https://well.example/"] * 2
    )
    assert attempts_claim(32) == []
    for one in first:
        attempt_book(one, SILENT if one.webhook_id == dead.id else OK)
    second = attempts_claim(32)

    assert sorted(one.url for one in second) == ["https://dead.example/", "https://well.example/"]


def test_one_organization_takes_eight_slots(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for number in range(6):
        make_webhook(organization, f"https://example.com/{number}")
    for _ in range(2):
        emit(organization)
    make_webhook(other_organization, "https://example.com/")
    emit(other_organization)

    claimed = [one.organization_id for one in attempts_claim(32)]

    assert claimed.count(organization.id) == 8
    assert claimed.count(other_organization.id) == 1
    assert attempts_claim(0) == []


def test_waits_grow_over_three_days_and_then_it_has_failed(organization: OrganizationRef) -> None:
    make_webhook(organization, "https://example.com/")
    emit(organization)
    now = start = clock.now()
    waits = []
    for _ in range(len(DELAYS) + 1):
        with clock.frozen(now):
            (sending,) = attempts_claim(1)
            attempt_book(sending, BAD)
        (row,) = deliveries(organization)
        waits.append(row.next_attempt_at - now)
        now = row.next_attempt_at

    assert row.state == "failed"
    assert row.attempts == 11
    for wait, planned in zip(waits, DELAYS, strict=False):
        assert planned * (1 - JITTER) <= wait <= planned * (1 + JITTER)
    assert timedelta(days=2.6) < now - start < timedelta(days=3.4)
    assert only_webhook(organization).enabled


def test_a_resend_begins_the_tries_anew_and_keeps_the_id(organization: OrganizationRef) -> None:
    made = make_webhook(organization, "https://example.com/")
    emit(organization)
    (first,) = attempts_claim(1)
    attempt_book(first, OK)
    with tenant_scope(organization):
        delivery_resend(
            organization=organization,
            actor=SYSTEM_ACTOR,
            webhook_id=made.webhook.id,
            delivery_id=first.delivery_id,
        )

    (again,) = attempts_claim(1)

    assert (again.event_id, again.number) == (first.event_id, 2)
    assert deliveries(organization)[0].tries == 1


def test_a_webhook_that_was_deleted_meanwhile_is_no_fault(organization: OrganizationRef) -> None:
    made = make_webhook(organization, "https://example.com/")
    emit(organization)
    (sending,) = attempts_claim(1)
    with tenant_scope(organization):
        webhook_delete(organization=organization, actor=SYSTEM_ACTOR, webhook_id=made.webhook.id)

    attempt_book(sending, OK)

    assert deliveries(organization) == []


def test_a_secret_that_no_key_opens_is_said_so(
    organization: OrganizationRef, receiver: Receiver, settings: Settings
) -> None:
    make_webhook(organization, receiver.url)
    emit(organization)
    settings.SECRET_KEY = "another"

    tasks.deliver()

    assert deliveries(organization)[0].error == "secret_unreadable"
    assert receiver.received == []


def test_a_fault_of_ours_leaves_the_others_their_booking(
    organization: OrganizationRef, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_webhook(organization, receiver.url)
    emit(organization)
    emit(organization)
    broken = min(row.id for row in deliveries(organization))

    def make(sending: attempts.Sending) -> Outcome:
        if sending.delivery_id == broken:
            raise RuntimeError("a fault of ours")
        return attempt_make(sending)

    monkeypatch.setattr(sender, "attempt_make", make)
    tasks.deliver()

    assert sorted(row.state for row in deliveries(organization)) == ["delivered", "waiting"]


def test_no_transaction_is_open_while_an_attempt_runs(
    organization: OrganizationRef, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes: list[object] = []

    def make(sending: attempts.Sending) -> Outcome:
        scopes.append(current_scope())
        return attempt_make(sending)

    monkeypatch.setattr(sender, "attempt_make", make)
    make_webhook(organization, receiver.url)
    emit(organization)
    tasks.deliver()
    assert scopes == [None]
