"""What a price, a budget or a grant says of itself is held against what it projects."""

from decimal import Decimal

import pytest
from django.core.mail import EmailMessage

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import CustomerAccount, Hold
from billing.ledger.services import balance_grant, hold_capture, hold_take, limit_set
from billing.ledger.tasks import reconcile_all
from tenants.accounts.models import User
from tests.unit.billing.test_reconcile import reconciled, seed
from tests.unit.factories import make_user


@pytest.fixture
def paying(organization: OrganizationRef) -> OrganizationRef:
    """An organization that used up its trial, then paid, with budgets of units and of money."""
    with tenant_scope(organization):
        balance_grant(
            organization=organization, unit="USD", amount=10, kind="purchased", source="paid"
        )
        for unit in ("prediction", "USD"):
            limit_set(organization=organization, unit=unit, window="month", amount=5000)
        hold = hold_take(
            organization=organization, unit="prediction", amount=3000, key="k", ttl_seconds=600
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=2500, event_id="k")
        assert Hold.objects.get().charged > Decimal(0)
    return organization


OUT_OF_PLACE = [
    ("UPDATE ledger_grant SET voided = voided + 1 WHERE unit = 'USD'", ["grants.issued"]),
    ("UPDATE ledger_hold SET uncovered = 0.000000000001 WHERE rated > 0", ["rated.cost"]),
    ("UPDATE ledger_limitcount SET used = used + 1 WHERE used > 2", ["limits.used"]),
    ("UPDATE ledger_limitcount SET used = 0 WHERE used BETWEEN 0.1 AND 1", ["limits.used"]),
    (
        "UPDATE ledger_hold SET limits_from = (SELECT jsonb_object_agg(k, 1) FROM"
        " jsonb_object_keys(limits) k) WHERE captured > 0",
        ["limits.used", "limits.used"],
    ),
    (
        "INSERT INTO ledger_ledgerentry (id, created_at, organization_id, journal_id, kind,"
        " account, unit, amount, grant_id, hold_id, booked_at)"
        " SELECT anneal_uuid7(), now(), g.organization_id, j.id, 'grant',"
        " s.account, g.unit, s.amount, g.id, NULL, now()"
        " FROM (SELECT anneal_uuid7() AS id) j, ledger_grant g,"
        " (VALUES ('issued', -1), ('customer_credit', 1)) AS s (account, amount)"
        " WHERE g.unit = 'USD'",
        ["grants.issued", "ledger.granted"],
    ),
]


@pytest.mark.parametrize(("statement", "checks"), OUT_OF_PLACE)
def test_it_is_printed_parked_and_told(
    paying: OrganizationRef,
    other_organization: OrganizationRef,
    mailoutbox: list[EmailMessage],
    statement: str,
    checks: list[str],
) -> None:
    assert reconciled() == (0, [{"drift": 0, "parked": []}])
    operator = make_user("operator")
    with system_scope("test"):
        User.objects.filter(id=operator.id).update(is_staff=True)
    table = statement.split()[1] if statement.startswith("UPDATE") else "g"
    seed(f"{statement} AND {table}.organization_id = %s", paying.id)

    reconcile_all()
    status, lines = reconciled()

    assert status == 1
    assert [line["check"] for line in lines[:-1]] == checks
    assert {line["organization"] for line in lines[:-1]} == {str(paying.id)}
    with system_scope("test"):
        # Tests that commit may have left parked accounts of their own.
        parked = CustomerAccount.objects.filter(
            parked_at__isnull=False, organization_id__in=[paying.id, other_organization.id]
        )
        assert [account.organization_id for account in parked] == [paying.id]
    assert [mail.to for mail in mailoutbox] == [[operator.email]]
    assert checks[0] in mailoutbox[0].body
