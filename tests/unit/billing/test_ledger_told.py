"""Notices, parking, refunds and money through services, the outbox and the mail."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db.models.functions import Now
from pytest_django import Settings
from rest_framework.test import APIClient

from anneal.kernel import clock, events
from anneal.kernel.errors import DomainError
from anneal.kernel.events import ThresholdReached
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, current_scope, system_scope, tenant_scope
from billing.ledger import notices, tasks
from billing.ledger.errors import AccountParked
from billing.ledger.models import GrantKind, Notice
from billing.ledger.selectors import account_get
from billing.ledger.services import (
    account_park,
    account_unpark,
    balance_grant,
    hold_capture,
    hold_refund,
    hold_release,
    hold_take,
)
from tests.unit.billing.test_ledger_budgets import BUDGET, audit, spend
from tests.unit.factories import error_of, make_member

pytestmark = pytest.mark.django_db


def test_a_threshold_is_shown_published_and_mailed_once(
    client_api: APIClient,
    organization: OrganizationRef,
    other_client_api: APIClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[ThresholdReached] = []
    monkeypatch.setitem(events._handlers, ThresholdReached, [told.append])
    make_member(organization, Role.DEVELOPER)
    spend(organization, 800)

    tasks.notify()
    tasks.notify()
    with system_scope("test"):
        waiting = list(OutboxMessage.objects.filter(task="ledger.notice_mail"))
    for message in [*waiting, *waiting]:
        tasks.mail(**message.payload)

    assert [(event.threshold, event.used, event.amount) for event in told] == [
        (50, "800", "1000"),
        (80, "800", "1000"),
    ]
    assert len(waiting) == 2
    owners = [one for one in mail.outbox if "has used" in one.subject]
    # The organization's owner and the client's, once each; the developer does not look after money.
    assert Counter(one.subject for one in owners) == {
        f"Anneal: {organization.slug} has used {percent} % of its balance": 2
        for percent in (50, 80)
    }
    assert "800 of 1000 prediction" in owners[0].body
    shown = client_api.get("/v1/billing/notices").json()["data"]
    assert sorted((one["threshold"], one["used"], one["budget"]) for one in shown) == [
        (50, 800, None),
        (80, 800, None),
    ]
    assert other_client_api.get("/v1/billing/notices").json()["data"] == []


def test_whoever_cannot_be_told_keeps_nobody_else_waiting(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_for_the_first(event: ThresholdReached) -> None:
        if event.organization == organization:
            raise RuntimeError("its webhook is broken")

    for each in (organization, other_organization):
        spend(each, 800)
    with monkeypatch.context() as broken:
        broken.setitem(events._handlers, ThresholdReached, [fail_for_the_first])
        broken.setattr(notices, "_BATCH", 2)
        tasks.notify()

    assert waiting_of(other_organization) == []
    assert waiting_of(organization) == [50, 80]
    (record,) = [one for one in caplog.records if one.message == "ledger.notify failed"]
    assert record.__dict__["organization"] == str(organization.id)
    tasks.notify()
    assert waiting_of(organization) == []


def waiting_of(organization: OrganizationRef) -> list[int]:
    with tenant_scope(organization):
        rows = Notice.objects.filter(announced_at=None).order_by("threshold")
        return list(rows.values_list("threshold", flat=True))


def test_a_mail_whose_asking_was_lost_is_asked_for_again(organization: OrganizationRef) -> None:
    spend(organization, 500)
    tasks.notify()
    with system_scope("test"):
        OutboxMessage.objects.filter(task="ledger.notice_mail").delete()

    with clock.frozen(clock.now() + timedelta(minutes=11)):
        tasks.notify()

    with system_scope("test"):
        assert OutboxMessage.objects.filter(task="ledger.notice_mail").count() == 1


def test_a_mail_that_fails_is_not_marked_as_sent(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(organization, 500)
    tasks.notify()
    with system_scope("test"):
        (message,) = OutboxMessage.objects.filter(task="ledger.notice_mail")

    def away(*_: Any) -> None:
        raise OSError("away")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="away"):
        patch.setattr("billing.ledger.notices.send_mail", away)
        tasks.mail(**message.payload)
    with tenant_scope(organization):
        assert Notice.objects.get().mailed_at is None
    tasks.mail(**message.payload)
    with tenant_scope(organization):
        assert Notice.objects.get().mailed_at is not None


class Refusing(EmailBackend):
    """A mail server that refuses some addresses, and is spoken to in no transaction."""

    refused: ClassVar[set[str]] = set()
    scopes: ClassVar[list[Any]] = []

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        self.scopes.append(current_scope())
        if self.refused & {address for each in messages for address in each.to}:
            raise OSError("refused")
        return super().send_messages(messages)


def test_one_address_that_fails_sends_nobody_else_a_second_mail(
    organization: OrganizationRef, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    people = [make_member(organization, Role.BILLING) for _ in range(3)]
    spend(organization, 500)
    tasks.notify()
    with system_scope("test"):
        (message,) = OutboxMessage.objects.filter(task="ledger.notice_mail")
    monkeypatch.setattr(Refusing, "scopes", [])

    with monkeypatch.context() as patch:
        patch.setattr(Refusing, "refused", {people[1].email})
        for _ in range(2):
            with pytest.raises(OSError, match="refused"):
                tasks.mail(**message.payload)
    told = [one.to[0] for one in mail.outbox if "has used" in one.subject]
    assert people[1].email not in told
    assert {people[0].email, people[2].email} <= set(told)
    with tenant_scope(organization):
        assert Notice.objects.get().mailed_at is None

    tasks.mail(**message.payload)
    tasks.mail(**message.payload)

    told = [one.to[0] for one in mail.outbox if "has used" in one.subject]
    assert max(Counter(told).values()) == 1
    assert people[1].email in told
    assert set(Refusing.scopes) == {None}
    with tenant_scope(organization):
        assert Notice.objects.get().mailed_at is not None


def test_a_notice_that_somebody_sends_is_left_to_them_until_their_claim_ends(
    organization: OrganizationRef,
) -> None:
    spend(organization, 500)
    tasks.notify()
    with system_scope("test"):
        (message,) = OutboxMessage.objects.filter(task="ledger.notice_mail")

    sent = []
    for ends in (timedelta(minutes=1), timedelta(minutes=-1)):
        with tenant_scope(organization):
            Notice.objects.update(claimed_until=Now() + ends)
        tasks.mail(**message.payload)
        sent.append(sum("has used" in one.subject for one in mail.outbox) > 0)

    assert sent == [False, True]


def test_a_budgets_notice_names_it_and_speaks_the_readers_language(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    from tenants.accounts.models import User  # noqa: PLC0415 # a language no service sets here

    User.objects.update(language="zh-hans")
    budget = client_api.post("/v1/billing/budgets", BUDGET, format="json").json()
    spend(organization, 50)
    tasks.notify()
    with system_scope("test"):
        (message,) = OutboxMessage.objects.filter(task="ledger.notice_mail")
    tasks.mail(**message.payload)

    (notice,) = client_api.get("/v1/billing/notices").json()["data"]
    assert (notice["budget"], notice["threshold"]) == (budget["id"], 50)
    assert mail.outbox[-1].subject == f"Anneal：{organization.slug} 已用去一项预算的 50 %"


def test_parking_is_audited_and_refuses_new_holds_alone(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=5, key="a", ttl_seconds=60
        )
    with system_scope("test"):
        assert account_park(organization=organization, actor=SYSTEM_ACTOR, reason="Drift of 1.")
        assert not account_park(organization=organization, actor=SYSTEM_ACTOR, reason="Again.")

    with pytest.raises(AccountParked):
        spend(organization, 1)
    with tenant_scope(organization):
        assert account_get(organization=organization).parked_reason == "Drift of 1."
        hold_release(organization=organization, hold_id=hold.id)
    with system_scope("test"):
        assert account_unpark(organization=organization, actor=SYSTEM_ACTOR, reason="Mended.")
    spend(organization, 1)
    assert audit(organization, "account.park") == [{"reason": "Drift of 1."}]
    assert audit(organization, "account.unpark") == [{"reason": "Mended."}]


def test_refunds_are_audited_once(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=5, key="a", ttl_seconds=60
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=5, event_id="e")
        refunds = [
            hold_refund(organization=organization, hold_id=hold.id, key="k", reason="Our fault.")
            for _ in range(2)
        ]

    assert refunds[0] == refunds[1]
    assert refunds[0].units == 5
    (row,) = audit(organization, "hold.refund")
    assert (row["units"], row["reason"]) == ("5", "Our fault.")


def test_a_release_for_our_fault_is_in_the_audit_trail(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=5, key="a", ttl_seconds=60
        )
        for _ in range(2):
            hold_release(organization=organization, hold_id=hold.id, note="worker_lost: it died")

    (row,) = audit(organization, "hold.release")
    assert row["note"] == "worker_lost: it died"


@pytest.mark.parametrize(
    ("unit", "amount", "kind", "code"),
    [
        ("USD", Decimal("0.001"), "purchased", "currency_decimals"),
        ("JPY", Decimal("0.5"), "purchased", "currency_decimals"),
        ("ZZZ", Decimal(5), "purchased", "unit_unknown"),
        ("usd", Decimal(5), "purchased", "unit_unknown"),
        ("prediction", Decimal(5), "credit_line", "grant_invalid"),
        ("EUR", Decimal(10) ** 30, "purchased", "amount_invalid"),
        ("EUR", Decimal("NaN"), "purchased", "amount_invalid"),
    ],
)
def test_money_that_is_none_is_refused_and_nothing_is_booked(
    organization: OrganizationRef, unit: str, amount: Decimal, kind: str, code: str
) -> None:
    with tenant_scope(organization), pytest.raises(DomainError) as refused:
        balance_grant(organization=organization, unit=unit, amount=amount, kind=kind, source="x")

    assert refused.value.code == code
    with tenant_scope(organization):
        assert account_get(organization=organization).currency == ""


def test_a_second_currency_is_refused_with_the_first_ones_name(
    organization: OrganizationRef,
) -> None:
    give = {"organization": organization, "kind": GrantKind.PURCHASED, "amount": 5}
    with tenant_scope(organization):
        balance_grant(unit="KWD", source="a", **{**give, "amount": Decimal("5.125")})

    with tenant_scope(organization), pytest.raises(DomainError, match="kept in KWD"):
        balance_grant(unit="USD", source="b", **give)


def test_a_budget_in_a_currency_the_account_has_not_is_refused(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        balance_grant(
            organization=organization,
            unit="KWD",
            amount=5,
            kind=GrantKind.PURCHASED,
            source="a",
        )
    budget = {"unit": "USD", "window": "month", "amount": 5}

    refused = client_api.post("/v1/billing/budgets", budget, format="json")

    assert (refused.status_code, error_of(refused)["code"]) == (409, "currency_mismatch")
