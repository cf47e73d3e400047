"""An account whose books refused a booking: parked, and the operators are told what differs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.mail import EmailMessage
from django.db import IntegrityError

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.scopes import (
    OrganizationRef,
    Scope,
    current_scope,
    system_scope,
    tenant_scope,
)
from billing.ledger import functions
from billing.ledger.models import Balance, CustomerAccount, KeyedCall, LedgerEntry
from billing.ledger.services import books_fault, grants_end, hold_take, holds_expire, upkeep
from billing.ledger.services.upkeep import BATCH
from billing.ledger.tasks import fault, reap
from tenants.accounts.models import User
from tests.unit.billing.test_ledger_services import hold_age
from tests.unit.billing.test_reconcile import seed
from tests.unit.factories import make_organization, make_user


@pytest.fixture
def operator(db: None) -> str:
    made = make_user("operator")
    with system_scope("test"):
        User.objects.filter(id=made.id).update(is_staff=True)
    return made.email


def refused(organization: OrganizationRef, error: str = "violates\n  check") -> bool:
    with system_scope("test"):
        return books_fault(organization_id=organization.id, error=error)


def told() -> list[dict[str, str]]:
    with system_scope("test"):
        return list(
            OutboxMessage.objects.filter(task="ledger.fault").values_list("payload", flat=True)
        )


def test_it_is_parked_with_its_reason_and_told_once(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    assert [refused(organization), refused(organization, "x" * 1000)] == [True, False]

    with system_scope("test"):
        accounts = CustomerAccount.objects.filter(
            parked_at__isnull=False, organization_id__in=[organization.id, other_organization.id]
        )
        (reason,) = accounts.values_list("parked_reason", flat=True)
        audited = AuditEvent.objects.filter(
            action="account.park", organization_id=organization.id
        ).count()
    assert audited == 1
    assert reason == "the books refused a booking: violates check"
    assert told() == [{"organization_id": str(organization.id), "slug": organization.slug}]


def test_an_organization_that_is_gone_is_nobodys_fault(db: None) -> None:
    assert not refused(OrganizationRef(uuid7(), "gone"))
    assert told() == []


def test_the_operators_read_what_differs(
    organization: OrganizationRef, operator: str, mailoutbox: list[EmailMessage]
) -> None:
    seed("UPDATE ledger_balance SET consumed = 1 WHERE organization_id = %s", organization.id)
    refused(organization)

    fault(**told()[0])

    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([operator], "Anneal: the books differ")
    assert "ledger.consumed" in mail.body
    assert f"no new holds: {organization.slug}." in mail.body


def test_a_refusal_that_no_check_explains_is_told_all_the_same(
    organization: OrganizationRef, operator: str, mailoutbox: list[EmailMessage]
) -> None:
    refused(organization)

    fault(**told()[0])

    (mail,) = mailoutbox
    assert (mail.to, mail.subject) == ([operator], "Anneal: an account was stopped")
    assert f"a booking of {organization.slug}" in mail.body
    assert "the books refused a booking: violates check" in mail.body


def test_where_books_are_wrong_each_account_is_a_transaction_of_its_own(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for each in (organization, other_organization):
        with tenant_scope(each):
            hold = hold_take(
                organization=each, unit="prediction", amount=10, key="job", ttl_seconds=1
            )
        hold_age(hold.id)
    with system_scope("test"):
        Balance.objects.filter(organization_id=organization.id, unit="prediction").update(held=9)
    seen: list[tuple[Scope | None, set[str]]] = []
    settle = functions.holds_settle

    def seeing(items: list[dict[str, Any]]) -> list[str]:
        seen.append((current_scope(), {str(item["organization_id"]) for item in items}))
        return settle(items)

    monkeypatch.setattr(functions, "holds_settle", seeing)

    holds_expire()

    scopes = [scope for scope, _ in seen]
    assert None not in scopes
    # A scope is a durable transaction.
    assert len({id(scope) for scope in scopes}) == len(scopes) >= 2
    assert all(len(whose) == 1 for _, whose in seen)


def test_an_account_whose_books_are_wrong_keeps_nobody_elses_grants_from_ending(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    both = [organization.id, other_organization.id]
    with system_scope("test"):
        Balance.objects.filter(organization_id=organization.id, unit="prediction").update(
            granted=500
        )

    with clock.frozen(datetime.now(UTC) + timedelta(days=15)):
        grants_end()

    with system_scope("test"):
        ended = LedgerEntry.objects.filter(
            account="breakage", unit="prediction", organization_id__in=both
        )
        assert [entry.organization_id for entry in ended] == [other_organization.id]
        parked = CustomerAccount.objects.filter(parked_at__isnull=False, organization_id__in=both)
        assert [account.organization_id for account in parked] == [organization.id]


def test_whose_grants_are_due_is_read_some_at_a_time(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With batches of one, every account comes to its turn, those at fault too."""
    third = make_organization("third")
    for each in (organization, other_organization):
        seed("UPDATE ledger_balance SET granted = 500 WHERE organization_id = %s", each.id)
    sweep = functions.ledger_sweep

    def of_one(*, most: int, only_of: UUID | None = None) -> int:
        if only_of is None:
            raise IntegrityError("an account's books are wrong")
        return sweep(most=10, only_of=only_of)

    monkeypatch.setattr(functions, "ledger_sweep", of_one)
    monkeypatch.setattr(upkeep, "BATCH", 1)

    with clock.frozen(datetime.now(UTC) + timedelta(days=15)):
        assert grants_end() >= 2

    with system_scope("test"):
        ours = {"organization_id__in": [organization.id, other_organization.id, third.id]}
        ended = LedgerEntry.objects.filter(account="breakage", **ours)
        assert {entry.organization_id for entry in ended} == {third.id}
        parked = CustomerAccount.objects.filter(parked_at__isnull=False, **ours)
        assert {account.organization_id for account in parked} == {
            organization.id,
            other_organization.id,
        }


def test_the_reaper_forgets_every_answer_whose_day_is_over(organization: OrganizationRef) -> None:
    with system_scope("test"):
        KeyedCall.objects.bulk_create(
            KeyedCall(
                organization_id=organization.id,
                scope="POST /v1/classify",
                key=str(number),
                request_hash="0" * 64,
                hold_id=uuid7(),
                response="{}",
                expires_at=datetime.now(UTC) + timedelta(hours=1 if number == 0 else -1),
            )
            for number in range(2 * BATCH + 1)
        )

    reap()

    with tenant_scope(organization):
        assert [call.key for call in KeyedCall.objects.all()] == ["0"]
