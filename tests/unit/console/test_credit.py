"""Credit by hand: given, taken back and refunded in the console, and nothing that cannot be."""

import html
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import CaptureRefund, Grant, Hold, LedgerEntry
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get
from billing.ledger.services import balance_grant, hold_capture, hold_take
from billing.plans.contracts import CapWindow, PlanCap
from tests.unit.billing.test_plans_subscriptions import BEGINS, add_plan, go
from tests.unit.console.test_operator import operator, page

__all__ = ["operator"]  # a fixture of the console's tests

pytestmark = pytest.mark.django_db

D = Decimal
HUGE = "1" + "0" * 30
GIVEN = {
    "unit": "prediction",
    "amount": "500",
    "kind": "operator",
    "priority": "50",
    "effective_at": "",
    "expires_at": "",
    "reason": "an apology",
}


def grant_path(organization: OrganizationRef) -> str:
    return f"/admin/accounts/organization/{organization.id}/grant/"


def give(operator: Client, organization: OrganizationRef, **changes: str) -> tuple[int, str]:
    body = {"once": str(uuid7())} | GIVEN | changes
    return post(operator, grant_path(organization), body)


def post(client: Client, path: str, body: dict[str, Any]) -> tuple[int, str]:
    answer = client.post(path, body)
    return answer.status_code, html.unescape(answer.content.decode())


def booked() -> tuple[int, ...]:
    with system_scope("test"):
        return tuple(
            model.objects.count() for model in (Grant, LedgerEntry, CaptureRefund, AuditEvent)
        )


def available(organization: OrganizationRef, unit: str = "prediction") -> Decimal:
    with tenant_scope(organization):
        return balance_get(organization=organization, unit=unit).available


def audit(organization: OrganizationRef, action: str) -> dict[str, Any]:
    with tenant_scope(organization):
        row = AuditEvent.objects.get(action=action, actor_kind="operator")
    return dict(row.detail)


def books_agree() -> None:
    with system_scope("test"):
        assert ledger_drift() == ()


def used(organization: OrganizationRef, units: int = 100) -> Hold:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=units, key="k", ttl_seconds=60
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=units, event_id="e")
        return Hold.objects.get(id=hold.id)


def test_any_meter_and_money_is_given_with_all_that_a_grant_says(
    operator: Client, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    shown = page(operator, grant_path(organization))
    for unit in ("prediction", "trained_token", "storage_gb_hour", "USD"):
        assert f'value="{unit}"' in shown
    tomorrow = clock.now() + timedelta(days=1)

    status, _ = give(
        operator,
        organization,
        unit="USD",
        amount="12.34",
        kind="purchased",
        priority="7",
        effective_at=f"{tomorrow:%Y-%m-%dT%H:%M}",
        expires_at="2090-01-02T03:04",
    )

    assert status == 302
    with tenant_scope(organization):
        grant = Grant.objects.get(unit="USD")
    assert (grant.amount, grant.kind, grant.priority) == (D("12.34"), "purchased", 7)
    assert grant.effective_at == tomorrow.replace(second=0, microsecond=0)
    assert grant.expires_at == datetime(2090, 1, 2, 3, 4, tzinfo=UTC)
    assert audit(organization, "balance.grant")["reason"] == "an apology"
    assert give(operator, organization, unit="storage_gb_hour", amount="0.5")[0] == 302
    assert available(organization, "storage_gb_hour") == D("0.5")
    assert available(other_organization, "storage_gb_hour") == 0
    books_agree()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "-5"}, "above 0"),
        ({"amount": "0"}, "above 0"),
        ({"amount": "NaN"}, "Enter a number."),
        ({"amount": "Infinity"}, "Enter a number."),
        ({"amount": HUGE}, "10^15"),
        ({"amount": "1e30"}, "10^15"),
        ({"amount": "0.0000000000001"}, "12 decimals"),
        ({"amount": ""}, "This field is required."),
        ({"unit": "USD", "amount": "0.001"}, "at most 2 decimals"),
        ({"unit": "bananas"}, "bananas is not one of"),
        ({"unit": "XXX"}, "XXX is not one of"),
        ({"kind": "bribe"}, "bribe is not one of"),
        ({"kind": "credit_line"}, "A credit line is money"),
        ({"priority": "101"}, "less than or equal to 100"),
        ({"priority": "-1"}, "greater than or equal to 0"),
        ({"expires_at": "2020-01-01T00:00"}, "after now"),
        ({"effective_at": "2090-01-02T00:00", "expires_at": "2090-01-01T00:00"}, "after it begins"),
        ({"expires_at": "tomorrow"}, "Enter a valid date/time."),
        ({"reason": ""}, "This field is required."),
        ({"reason": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_cannot_be_given_is_told_and_nothing_is_booked(
    operator: Client, organization: OrganizationRef, changes: dict[str, str], told: str
) -> None:
    before = booked()

    status, shown = give(operator, organization, **changes)

    assert (status, told in shown) == (200, True)
    # The console's own row of the attempt, no more.
    assert booked() == (*before[:3], before[3] + 1)


def test_an_account_with_money_is_given_that_money(
    operator: Client, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        balance_grant(
            organization=organization, unit="EUR", amount=5, kind="purchased", source="paid"
        )
    add_plan("capped", currency="CNY", caps=(PlanCap("CNY", CapWindow.MONTH, D(5)),))
    go(other_organization, "capped", BEGINS, assigned=False)

    shown = page(operator, grant_path(organization))

    assert 'value="EUR"' in shown
    assert 'value="USD"' not in shown
    assert give(operator, organization, unit="USD")[0] == 200
    assert give(operator, organization, unit="EUR")[0] == 302
    assert 'value="CNY"' in page(operator, grant_path(other_organization))
    assert give(operator, other_organization, unit="USD")[0] == 200


def test_the_rest_of_a_grant_is_taken_back_once_and_with_a_reason(
    operator: Client, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    used(organization)
    with tenant_scope(organization):
        grant = Grant.objects.get(unit="prediction")
    path = f"/admin/ledger/grant/{grant.id}/void/"
    assert "900 prediction left" in page(operator, path)
    before = booked()
    assert "This field is required." in post(operator, path, {"reason": "  "})[1]
    assert booked()[:3] == before[:3]

    assert post(operator, path, {"reason": "abuse"})[0] == 302

    assert (available(organization), available(other_organization)) == (0, 1_000)
    assert audit(organization, "balance.void") == {
        "unit": "prediction",
        "amount": "900",
        "reason": "abuse",
    }
    status, shown = post(operator, path, {"reason": "again"})
    assert (status, "Nothing of this grant is left" in shown) == (200, True)
    books_agree()


def test_captured_units_are_refunded_in_part_and_then_whole(
    operator: Client, organization: OrganizationRef
) -> None:
    hold = used(organization)
    path = f"/admin/ledger/hold/{hold.id}/refund/"
    assert "100 prediction left" in page(operator, path)

    once = {"once": str(uuid7()), "reason": "our fault"}
    assert post(operator, path, once | {"amount": "30"})[0] == 302
    assert post(operator, path, once | {"amount": "30"})[0] == 302
    assert "another refund" in post(operator, path, once | {"amount": "31"})[1]
    assert available(organization) == 930
    assert audit(organization, "hold.refund")["reason"] == "our fault"
    rest = {"once": str(uuid7()), "reason": "all of it", "amount": ""}
    assert post(operator, path, rest)[0] == 302

    assert available(organization) == 1_000
    nothing = {"once": str(uuid7()), "reason": "more", "amount": ""}
    status, shown = post(operator, path, nothing)
    assert (status, "refund less" in shown) == (200, True)
    books_agree()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "-5"}, "above 0"),
        ({"amount": "0"}, "above 0"),
        ({"amount": "NaN"}, "Enter a number."),
        ({"amount": HUGE}, "10^15"),
        ({"amount": "0.0000000000001"}, "12 decimals"),
        ({"amount": "100.5"}, "refund less"),
        ({"reason": ""}, "This field is required."),
    ],
)
def test_what_cannot_be_refunded_is_told_and_nothing_is_booked(
    operator: Client, organization: OrganizationRef, changes: dict[str, str], told: str
) -> None:
    hold = used(organization)
    before = booked()
    body = {"once": str(uuid7()), "amount": "5", "reason": "x"}

    status, shown = post(operator, f"/admin/ledger/hold/{hold.id}/refund/", body | changes)

    assert (status, told in shown) == (200, True)
    assert booked() == (*before[:3], before[3] + 1)


@pytest.mark.parametrize("path", ["ledger/grant/{}/void/", "ledger/hold/{}/refund/"])
def test_what_is_not_there_is_not_found(operator: Client, path: str) -> None:
    missing = "00000000-0000-7000-8000-000000000009"

    assert operator.post(f"/admin/{path.format(missing)}").status_code == 404
    assert operator.get(f"/admin/{path.format(missing)}").status_code == 404
