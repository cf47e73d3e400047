"""Webhooks that are disabled by what their addresses answer, and old deliveries forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from pytest_django import Settings

from anneal.kernel import clock
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef, current_scope, system_scope, tenant_scope
from tenants.webhooks import tasks
from tenants.webhooks.models import Delivery, Webhook, WebhookEvent
from tenants.webhooks.sending import Outcome
from tenants.webhooks.services.attempts import attempt_book, attempts_claim
from tests.unit.factories import make_member
from tests.unit.webhooks.helpers import deliveries, emit, make_webhook, only_webhook
from tests.unit.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db

OK = Outcome(204, "", 5)
SILENT = Outcome(None, "timeout", 15_000)


def test_an_address_that_is_gone_is_disabled_and_its_people_are_told(
    organization: OrganizationRef, receiver: Receiver
) -> None:
    make_member(organization, Role.ADMIN)
    make_member(organization, Role.DEVELOPER)
    make_webhook(organization, receiver.url)
    receiver.statuses = [410]
    emit(organization)
    emit(organization)

    tasks.deliver()
    emit(organization)
    tasks.tell()
    tasks.tell()

    row = only_webhook(organization)
    assert (row.enabled, row.disabled_reason) == (False, "gone")
    assert {one.state for one in deliveries(organization)} == {"failed"}
    assert len(deliveries(organization)) == 2
    with tenant_scope(organization):
        (told,) = AuditEvent.objects.filter(action="webhook.disable")
    assert (told.actor_kind, told.detail) == ("system", {"host": "127.0.0.1", "reason": "gone"})
    mails = [one for one in mail.outbox if "webhook" in one.subject]
    assert len(mails) == 2  # the owner and the administrator, once each
    assert mails[0].subject == f"Anneal: a webhook of {organization.slug} was disabled"
    assert "410 Gone" in mails[0].body
    assert f"/o/{organization.slug}/webhooks" in mails[0].body


class PickyMail(EmailBackend):
    """A mail server that refuses the first address it is given, for a while."""

    refusing: ClassVar[str] = ""
    scopes: ClassVar[list[Any]] = []

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        PickyMail.scopes.append(current_scope())
        PickyMail.refusing = PickyMail.refusing or messages[0].to[0]
        if messages[0].to[0] == PickyMail.refusing:
            raise OSError("mailbox full")
        return super().send_messages(messages)


def test_an_address_that_fails_costs_the_others_no_second_mail(
    organization: OrganizationRef, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.PickyMail"
    make_member(organization, Role.ADMIN)
    make_webhook(organization, "https://example.com/")
    emit(organization)
    (sending,) = attempts_claim(1)
    attempt_book(sending, Outcome(410, "status", 1))

    tasks.tell()
    assert "mailbox full" in caplog.text
    tasks.tell()  # the claim holds: the mail server is left alone
    PickyMail.refusing = "nobody"
    with tenant_scope(organization):
        Webhook.objects.update(claimed_until=None)
    tasks.tell()

    sent = [one.to[0] for one in mail.outbox if "webhook" in one.subject]
    assert len(sent) == len(set(sent)) == 2
    assert set(PickyMail.scopes) == {None}
    assert only_webhook(organization).told_at is not None


def test_five_days_without_a_success_disable(organization: OrganizationRef) -> None:
    make_webhook(organization, "https://example.com/")
    start = clock.now()
    for days, enabled in ((0, True), (4.9, True), (5.1, False)):
        with clock.frozen(start + timedelta(days=days)):
            emit(organization)
            (sending,) = attempts_claim(1)
            attempt_book(sending, SILENT)
        assert only_webhook(organization).enabled is enabled
    assert only_webhook(organization).disabled_reason == "failing"


def test_one_success_forgets_the_failures(organization: OrganizationRef) -> None:
    make_webhook(organization, "https://example.com/")
    start = clock.now()
    for days, outcome in ((0, SILENT), (4, OK), (6, SILENT)):
        with clock.frozen(start + timedelta(days=days)):
            emit(organization)
            with tenant_scope(organization):
                Delivery.objects.update(next_attempt_at=clock.now())
            (sending, *_) = attempts_claim(1)
            attempt_book(sending, outcome)
            with tenant_scope(organization):
                Delivery.objects.exclude(id=sending.delivery_id).update(state="failed")
    assert only_webhook(organization).enabled


def test_deliveries_of_a_month_ago_are_forgotten(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for owner in (organization, other_organization):
        make_webhook(owner, "https://example.com/")
        emit(owner)
    with clock.frozen(clock.now() + timedelta(days=29)):
        tasks.sweep()
    assert len(deliveries(organization)) == 1
    with tenant_scope(other_organization):
        Delivery.objects.update(created_at=clock.now() + timedelta(days=5))
        WebhookEvent.objects.update(created_at=clock.now() + timedelta(days=5))

    with clock.frozen(clock.now() + timedelta(days=31)):
        tasks.sweep()

    with system_scope("test"):
        kept = list(Delivery.objects.values_list("organization_id", flat=True))
        events = list(WebhookEvent.objects.values_list("organization_id", flat=True))
    assert kept == events == [other_organization.id]
