"""What a superuser's hand changed behind the functions: found, printed, parked and told.

The statements run with the rights of the tables' owner and past row level security, since neither
the application's role nor the system's could do any of this.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.mail import EmailMessage
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import CustomerAccount
from billing.ledger.selectors import balance_get
from billing.ledger.services import hold_capture, hold_release, hold_take
from billing.ledger.tasks import reconcile_all
from billing.plans.contracts import CapWindow, Overage, PlanCap
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.services import discount_draw
from tenants.accounts.models import User
from tests.unit.billing.test_plans_subscriptions import add_plan, go
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.billing.test_reconcile import reconciled
from tests.unit.conftest import DatabaseClone
from tests.unit.factories import make_organization, make_user
from tests.unit.worlds import TwoLives, organization, other_organization, world

__all__ = ["organization", "other_organization"]  # fixtures over `_two_lives`

D = Decimal
CODES = {
    "TENTH-OFF": PromotionTerms(kind=PromotionKind.PERCENT, percent=D(10), invoices=3),
    "MONEY-OFF": PromotionTerms(kind=PromotionKind.AMOUNT, amount=D(25), currency="USD"),
    "MORE-UNITS": PromotionTerms(kind=PromotionKind.UNITS, unit="prediction", units=D(500)),
    "MORE-DAYS": PromotionTerms(kind=PromotionKind.TRIAL, days=7),
}
_TAMPER = """
CREATE FUNCTION tests_tamper(tampered text, statement text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  changed integer;
BEGIN
  EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER USER', tampered);
  EXECUTE statement;
  GET DIAGNOSTICS changed = ROW_COUNT;
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY, ENABLE TRIGGER USER', tampered);
  RETURN changed;
END
$$
"""
Tamper = Callable[[str, str], int]


@pytest.fixture(scope="module")
def _door(database_clone: DatabaseClone) -> Iterator[None]:
    """A function that changes rows as their tables' owner."""
    with psycopg.connect(database_clone.owner_url, autocommit=True) as owner:
        owner.execute(_TAMPER)
    yield
    with psycopg.connect(database_clone.owner_url, autocommit=True) as owner:
        owner.execute("DROP FUNCTION tests_tamper(text, text)")


@pytest.fixture
def tamper(_door: None, db: None) -> Tamper:
    """Change rows of a table as its owner; return how many."""

    def change(table: str, statement: str) -> int:
        with system_scope("test"), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("RESET ROLE")
            cursor.execute("SELECT tests_tamper(%s, %s)", [table, statement])
            changed: int = cursor.fetchone()[0]
        return changed

    return change


def live(organization: OrganizationRef) -> None:
    """Use, a plan with caps and a credit line, and one code of each kind."""
    now = clock.now()
    go(organization, "capped", now)
    redeemed = {code: redeem(organization, code, now) for code in CODES}
    with tenant_scope(organization):
        for key in ("captured", "released", "open"):
            hold = hold_take(
                organization=organization, unit="prediction", amount=10, key=key, ttl_seconds=600
            )
            if key == "captured":
                hold_capture(organization=organization, hold_id=hold.id, amount=4, event_id=key)
            elif key == "released":
                hold_release(organization=organization, hold_id=hold.id)
        for code in ("TENTH-OFF", "MONEY-OFF"):
            discount = redeemed[code].discount
            assert discount is not None
            discount_draw(
                organization=organization,
                discount_id=discount.id,
                key="invoice",
                amount=D(20),
                currency="USD",
            )


@pytest.fixture(scope="module")
def _two_lives(_door: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[TwoLives]:
    """Two organizations that do the same."""
    with world(django_db_blocker):
        both = make_organization("acme"), make_organization("rival")
        _live(*both)
        yield both


def _live(*organizations: OrganizationRef) -> None:
    for code, terms in CODES.items():
        add(terms, code, clock.now())
    add_plan(
        "capped",
        included={"prediction": D(100), "trained_token": D(1000)},
        caps=(PlanCap("prediction", CapWindow.MONTH, D(400)),),
        overage=Overage.INVOICE,
        credit_line=D(50),
    )
    for each in organizations:
        live(each)


CASES = [
    (
        "ledger_hold",
        "DELETE FROM ledger_hold WHERE state = 'captured' AND {of}",
        {"holds.lost", "usage.lost", "limits.used"},
    ),
    (
        "ledger_hold",
        "UPDATE ledger_hold SET amount = amount + 5 WHERE state = 'held' AND {of}",
        {"holds.amount"},
    ),
    (
        "metering_usageevent",
        "UPDATE metering_usageevent SET model = 'dearer' WHERE {of}",
        {"keys.contents"},
    ),
    (
        "metering_usageevent",
        "UPDATE metering_usageevent SET units = units + 1, hold_id = NULL WHERE {of}",
        {"keys.contents", "usage.counted"},
    ),
    (
        "promotions_discount",
        "UPDATE promotions_discount SET amount = 26, remaining = remaining + 1"
        " WHERE amount IS NOT NULL AND {of}",
        {"promotions.discount", "promotions.remaining"},
    ),
    (
        "promotions_discount",
        "UPDATE promotions_discount SET remaining = remaining + 1"
        " WHERE amount IS NOT NULL AND {of}",
        {"promotions.remaining"},
    ),
    (
        "promotions_discount",
        "UPDATE promotions_discount SET invoices_left = 3 WHERE percent IS NOT NULL AND {of}",
        {"promotions.invoices_left"},
    ),
    (
        "promotions_discountdraw",
        "DELETE FROM promotions_discountdraw WHERE {of}",
        {"promotions.invoices_left", "promotions.remaining"},
    ),
    (
        "promotions_discount",
        "UPDATE promotions_discount SET percent = 20 WHERE percent IS NOT NULL AND {of}",
        {"promotions.discount"},
    ),
    (
        "promotions_redemption",
        'UPDATE promotions_redemption SET terms = terms || \'{{"units": "50"}}\''
        " WHERE code = 'MORE-UNITS' AND {of}",
        {"promotions.units", "promotions.terms"},
    ),
    (
        "promotions_redemption",
        "DELETE FROM promotions_redemption WHERE code = 'MORE-UNITS' AND {of}",
        {"promotions.units", "promotions.redeemed"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET source = 'gift' WHERE source LIKE 'trial:%' AND {of}",
        {"promotions.trial"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET amount = amount + 1"
        " WHERE source LIKE 'plan:%' AND unit = 'trained_token' AND {of}",
        {"plans.given", "grants.issued"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET source = 'mine' WHERE source LIKE 'credit_line:%' AND {of}",
        {"plans.given"},
    ),
    (
        "plans_subscriptionperiod",
        "DELETE FROM plans_subscriptionperiod WHERE {of}",
        {"plans.period"},
    ),
    (
        "ledger_spendinglimit",
        "UPDATE ledger_spendinglimit SET amount = amount + 1 WHERE {of}",
        {"plans.caps"},
    ),
    (
        "ledger_spendinglimit",
        "UPDATE ledger_spendinglimit SET hard = false WHERE {of}",
        {"plans.caps_hard"},
    ),
    (
        "ledger_spendinglimit",
        "UPDATE ledger_spendinglimit SET removed_at = now() WHERE {of}",
        {"plans.caps_there"},
    ),
    (
        "ledger_limitcount",
        "DELETE FROM ledger_limitcount WHERE {of}",
        {"limits.lost"},
    ),
    (
        "ledger_ledgerentry",
        "UPDATE ledger_ledgerentry SET account = 'customer_credit'"
        " WHERE account = 'credit_line' AND {of}",
        {"journals.account"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET kind = 'purchased' WHERE kind = 'credit_line' AND {of}",
        {"journals.account"},
    ),
]


def test_nothing_differs_before_anybody_tampers(organization: OrganizationRef) -> None:
    assert reconciled() == (0, [{"drift": 0, "parked": []}])


@pytest.mark.parametrize(("table", "statement", "checks"), CASES)
def test_a_hand_in_the_tables_is_found_and_parks_its_account_alone(
    organization: OrganizationRef, tamper: Tamper, table: str, statement: str, checks: set[str]
) -> None:
    assert tamper(table, statement.format(of=f"organization_id = '{organization.id}'"))

    status, lines = reconciled()

    assert status == 1
    assert {line["check"] for line in lines[:-1]} == checks
    whose = {line["organization"] for line in lines[:-1]} - {"installation"}
    assert whose == {str(organization.id)}
    assert lines[-1]["parked"] == [organization.slug]
    # One organization's own comparison finds what its own rows tell.
    own = {line["check"] for line in reconciled("--organization", organization.slug)[1][:-1]}
    assert own == checks - {"promotions.redeemed", "promotions.terms"}


def test_what_is_owed_and_called_earned_is_found(
    organization: OrganizationRef, tamper: Tamper
) -> None:
    """Both accounts count as consumed, so no sum differs."""
    with tenant_scope(organization):
        owed = balance_get(organization=organization, unit="trained_token").available + 10_000
        hold = hold_take(
            organization=organization, unit="trained_token", amount=owed, key="owed", ttl_seconds=60
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=owed, event_id="owed")
    assert reconciled()[0] == 0

    assert tamper(
        "ledger_ledgerentry",
        "UPDATE ledger_ledgerentry SET account = 'revenue' WHERE account = 'receivable'",
    )

    status, lines = reconciled()
    assert status == 1
    (line,) = lines[:-1]
    assert (line["check"], line["organization"]) == ("journals.account", str(organization.id))
    assert line["subject"] == f"{hold.id} revenue"


def test_a_cap_of_nothing_that_is_gone_is_found(
    organization: OrganizationRef, tamper: Tamper
) -> None:
    whose = f"organization_id = '{organization.id}'"
    assert tamper(
        "plans_planversion",
        """UPDATE plans_planversion SET caps = jsonb_set(caps, '{0,amount}', '"0"')"""
        " WHERE caps <> '[]'",
    )
    assert tamper("ledger_spendinglimit", "UPDATE ledger_spendinglimit SET amount = 0")
    assert reconciled()[0] == 0

    assert tamper(
        "ledger_spendinglimit", f"UPDATE ledger_spendinglimit SET removed_at = now() WHERE {whose}"
    )

    status, lines = reconciled()
    assert status == 1
    gone = [line for line in lines[:-1] if line["check"] == "plans.caps_there"]
    assert [line["organization"] for line in gone] == [str(organization.id)]


def test_a_codes_counter_is_nobodys_fault_and_is_told(
    organization: OrganizationRef, tamper: Tamper, mailoutbox: list[EmailMessage]
) -> None:
    operator = make_user("operator")
    with system_scope("test"):
        User.objects.filter(id=operator.id).update(is_staff=True)
    assert tamper(
        "promotions_promotion",
        "UPDATE promotions_promotion SET redeemed = 1 WHERE code = 'MONEY-OFF'",
    )

    reconcile_all()

    (mail,) = mailoutbox
    assert "promotions.redeemed  organization installation  MONEY-OFF: expected 2" in mail.body
    assert "no new holds: none." in mail.body
    with system_scope("test"):
        assert not CustomerAccount.objects.filter(
            organization_id=organization.id, parked_at__isnull=False
        ).exists()
