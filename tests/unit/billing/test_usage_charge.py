"""Usage charged without a hold of its own: once by its name, all of a batch or nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.ledger.models import Balance, Hold, LedgerEntry
from billing.ledger.reconcile import ledger_drift
from billing.ledger.services import usage_charge
from billing.ledger.services.charges import MOST
from billing.metering.contracts import UsageEventNew
from billing.metering.models import UsageEvent, UsageEventKey
from tests.unit.billing.metering import event

pytestmark = pytest.mark.django_db

AT = datetime.now(UTC) + timedelta(hours=1)


def charge(*events: UsageEventNew) -> int:
    with clock.frozen(AT), system_scope("test"):
        return usage_charge(events=events)


def refusal(*events: UsageEventNew) -> str:
    with pytest.raises(DomainError) as refused:
        charge(*events)
    return refused.value.code


def booked() -> tuple[Any, ...]:
    with system_scope("test"):
        rows = (Hold, LedgerEntry, UsageEvent, UsageEventKey)
        balances = Balance.objects.order_by("id").values_list("id", "held", "consumed")
        return (*(model.objects.count() for model in rows), list(balances))


def consumed(organization: OrganizationRef) -> Decimal:
    with system_scope("test"):
        return Balance.objects.get(organization_id=organization.id, unit="prediction").consumed


def test_one_event_named_twice_in_a_batch_is_charged_once(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    one = event(organization, AT, 5, "e-1")

    assert charge(one, one, event(other_organization, AT, 2, "e-1")) == 2
    assert charge(one) == 1

    assert (consumed(organization), consumed(other_organization)) == (5, 2)
    with system_scope("test"):
        assert ledger_drift() == ()


@pytest.mark.parametrize(
    "change", [{"units": Decimal(6)}, {"model": "another"}, {"dims": {"a": 1}}]
)
@pytest.mark.parametrize("together", [True, False])
def test_another_content_under_a_name_is_a_conflict_and_nothing_is_booked(
    organization: OrganizationRef, change: dict[str, Any], together: bool
) -> None:
    one = event(organization, AT, 5, "e-1")
    before: tuple[UsageEventNew, ...] = (one,)
    if not together:
        charge(one)
        before = ()
    was = booked()

    assert refusal(*before, event(organization, AT, 1), replace(one, **change)) == "event_conflict"

    assert booked() == was


@pytest.mark.parametrize(
    "change",
    [
        *[
            {"units": Decimal(bad)}
            for bad in ("-1", "0", "NaN", "sNaN", "Infinity", "1e30", "1e-13")
        ],
        {"meter": "bananas"},
        {"meter": "USD"},
        {"organization_id": uuid4()},
        {"source": "s" * 51},
        {"event_id": "a\0b"},
        {"occurred_at": AT - timedelta(days=36)},
        {"occurred_at": AT + timedelta(hours=1)},
    ],
)
def test_an_event_that_cannot_be_books_nothing_of_its_batch(
    organization: OrganizationRef, other_organization: OrganizationRef, change: dict[str, Any]
) -> None:
    was = booked()
    good = event(other_organization, AT, 3)

    assert refusal(good, replace(event(organization, AT, 5), **change)) == "usage_invalid"

    assert booked() == was
    assert charge(good) == 1


def test_more_than_one_transaction_should_hold_is_refused(organization: OrganizationRef) -> None:
    was = booked()
    events = [event(organization, AT, 1) for _ in range(MOST + 1)]

    assert refusal(*events) == "usage_batch_too_large"
    assert booked() == was
