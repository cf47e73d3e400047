"""Reconcile goes on to payments and to what the provider keeps: what a hand changed is found."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.services import invoice_payment_apply
from billing.ledger.tasks import reconcile_all
from billing.payments.models import PaymentAttempt, Refund
from billing.payments.reconcile import provider_drift
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.returning import refund_ask
from tenants.accounts.models import User
from tests.unit.billing.test_reconcile import reconciled
from tests.unit.billing.test_reconcile_tampered import Tamper, _door, tamper
from tests.unit.factories import make_organization, make_user
from tests.unit.invoices.helpers import credit, invoiced, invoices
from tests.unit.payments.conftest import collecting
from tests.unit.payments.shop import Shop
from tests.unit.worlds import world

__all__ = ["_door", "tamper"]  # fixtures of the ledger's tests

pytestmark = pytest.mark.django_db

Found = tuple[set[str], set[str], list[str]]


def trade(shop: Shop) -> None:
    """Pay two invoices by card, buy credit, get a part back, dispute one, overpay a third."""
    one = shop.organization
    shop.save_card()
    for amount in ("20", "30"):
        invoice = invoiced(one, amount, at=clock.now())
        invoice_collect(organization=one, invoice_id=invoice.id, automatic=True)
        if amount == "20":
            credit(one, shop.invoice(invoice), 500, at=clock.now(), return_by=ReturnBy.REFUND)
            credit(one, shop.invoice(invoice), 100, at=clock.now(), return_by=ReturnBy.CREDIT)
    shop.complete(shop.open(purpose="top_up", amount="50"))
    with tenant_scope(one):
        refund = Refund.objects.get()
    refund_ask(organization=one, refund_id=refund.id)
    charge = next(each for each in shop.fake.all("charge")[::-1] if each["amount"] == 3000)
    shop.fake.dispute_close(shop.fake.dispute(charge["id"])["id"], won=False)
    shop.hear()
    third = invoiced(one, "10", at=clock.now())
    with tenant_scope(one):
        invoice_payment_apply(
            organization=one, invoice_id=third.id, payment_id=None, key="bank", amount_minor=1100
        )


@pytest.fixture(scope="module")
def _shop(_door: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    """Two organizations that do the same; the first of them."""
    with collecting(seed=7) as fake, world(django_db_blocker):
        trade(Shop(make_organization("rival"), fake))
        shop = Shop(make_organization("acme"), fake)
        trade(shop)
        yield shop


@pytest.fixture
def lives(_shop: Shop, db: None) -> Iterator[Shop]:
    """The first organization; what a test does, at the provider too, is taken back."""
    with _shop.fake.undone():
        yield _shop


def found(*arguments: str) -> Found:
    """Checks that found something, whose it was, and who was parked."""
    lines = reconciled(*arguments)[1]
    whose = {line["organization"] for line in lines[:-1]}
    return {line["check"] for line in lines[:-1]}, whose, lines[-1]["parked"]


CASES: list[tuple[str, str, set[str]]] = [
    (
        "payments_payment",
        "DELETE FROM payments_payment WHERE amount_minor = 5000 AND {of}",
        {"payments.attempt", "payments.applied", "payments.invoice", "grants.payment"},
    ),
    (
        "payments_payment",
        "UPDATE payments_payment SET amount_minor = 5001 WHERE amount_minor = 5000 AND {of}",
        {"payments.applied", "payments.invoice", "provider.payment"},
    ),
    (
        "payments_payment",
        "UPDATE payments_payment SET currency = 'EUR' WHERE amount_minor = 5000 AND {of}",
        {"grants.payment", "provider.payment"},
    ),
    (
        "payments_payment",
        "UPDATE payments_payment SET refunded_minor = 499 WHERE refunded_minor > 0 AND {of}",
        {"payments.refunded"},
    ),
    (
        "payments_paymentattempt",
        "UPDATE payments_paymentattempt SET state = 'failed' WHERE amount_minor = 5000 AND {of}",
        {"payments.attempt"},
    ),
    (
        "invoices_invoicepayment",
        "UPDATE invoices_invoicepayment SET amount_minor = amount_minor - 1,"
        " excess_minor = excess_minor + 1 WHERE amount_minor = 5000 AND {of}",
        {"payments.invoice", "invoices.paid", "grants.overpaid"},
    ),
    (
        "invoices_invoicepayment",
        "UPDATE invoices_invoicepayment SET key = 'payment:twice', payment_id = NULL"
        " WHERE amount_minor = 5000 AND {of}",
        {"payments.applied"},
    ),
    (
        "payments_refund",
        "UPDATE payments_refund SET amount_minor = 501 WHERE {of}",
        {"payments.refunded", "refunds.note", "provider.refund"},
    ),
    (
        "payments_dispute",
        "UPDATE payments_dispute SET state = 'won' WHERE {of}",
        {"disputes.booked", "disputes.taken", "provider_state.dispute"},
    ),
    (
        "payments_dispute",
        "UPDATE payments_dispute SET amount_minor = 2999 WHERE {of}",
        {"disputes.taken", "provider.dispute"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET source = 'payment:gone' WHERE source LIKE 'payment:%' AND {of}",
        {"grants.payment", "invoices.top_up"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET source = 'overpaid:gone' WHERE source LIKE 'overpaid:%' AND {of}",
        {"grants.overpaid"},
    ),
    (
        "ledger_grant",
        "UPDATE ledger_grant SET source = 'by hand' WHERE source LIKE 'credit_note:%' AND {of}",
        {"grants.credit_note"},
    ),
]
QUIET: list[tuple[str, set[str]]] = [
    ("key = 'credit_note:gone:' || payment_id", {"refunds.note"}),
    ("state = 'failed'", {"provider_state.refund"}),
    ("ref = 're_gone'", {"provider_state.missing", "provider_state.refund_unknown"}),
]


def test_nothing_differs_where_all_is_well(lives: Shop) -> None:
    assert reconciled() == (0, [{"drift": 0, "parked": []}])
    assert found("--organization", lives.organization.slug) == (set(), set(), [])


@pytest.mark.parametrize(("table", "statement", "checks"), CASES)
def test_a_hand_in_the_payments_is_found_and_parks_its_account_alone(
    lives: Shop, tamper: Tamper, table: str, statement: str, checks: set[str]
) -> None:
    mine = lives.organization
    assert tamper(table, statement.format(of=f"organization_id = '{mine.id}'"))

    assert found() == (checks, {str(mine.id)}, [mine.slug])
    assert found("--organization", mine.slug)[:2] == (checks, {str(mine.id)})


@pytest.mark.parametrize(("change", "checks"), QUIET)
def test_what_a_customer_waits_for_is_told_and_parks_nobody(
    lives: Shop, tamper: Tamper, change: str, checks: set[str]
) -> None:
    mine = lives.organization
    statement = f"UPDATE payments_refund SET {change} WHERE organization_id = '{mine.id}'"
    assert tamper("payments_refund", statement)

    assert found() == (checks, {str(mine.id)}, [])


def test_two_open_tries_of_an_invoice_are_found(lives: Shop, tamper: Tamper) -> None:
    mine, invoice = lives.organization, invoices(lives.organization)[-1]
    tamper("payments_paymentattempt", "DROP INDEX payments_paymentattempt_open")
    with tenant_scope(mine):
        for key in ("first", "second"):
            PaymentAttempt(
                organization_id=mine.id,
                invoice_id=invoice.id,
                amount_minor=1,
                currency="USD",
                key=key,
                asked_at=clock.now(),
            ).save(force_insert=True)

    assert found() == ({"payments.open"}, {str(mine.id)}, [mine.slug])


def test_money_that_nobody_booked_is_found_a_day_later(lives: Shop, tamper: Tamper) -> None:
    mine = f"organization_id = '{lives.organization.id}'"
    tamper("payments_payment", f"DELETE FROM payments_payment WHERE amount_minor = 5000 AND {mine}")
    assert "provider.unbooked" not in found()[0]
    tamper(
        "payments_paymentattempt",
        "UPDATE payments_paymentattempt SET created_at = created_at - interval '2 days'"
        f" WHERE {mine}",
    )

    assert "provider.unbooked" in found()[0]


def test_money_that_came_by_no_payment_is_found(lives: Shop, tamper: Tamper) -> None:
    statement = (
        "UPDATE invoices_invoicepayment SET payment_id = '{0}', key = 'payment:{0}'"
        " WHERE key = 'outside:bank' AND organization_id = '{1}'"
    )
    assert tamper("invoices_invoicepayment", statement.format(uuid4(), lives.organization.id))

    assert {"payments.applied", "payments.invoice"} <= found()[0]


@pytest.mark.parametrize(
    ("kind", "change", "check"),
    [
        ("payment_intent", {"amount": 1}, "provider.payment"),
        ("payment_intent", {"status": "canceled"}, "provider.payment"),
        ("refund", {"amount": 1}, "provider.refund"),
        ("refund", {"status": "failed"}, "provider_state.refund"),
        ("dispute", {"status": "won"}, "provider_state.dispute"),
    ],
)
def test_what_the_provider_says_otherwise_is_found(
    lives: Shop, kind: str, change: dict[str, Any], check: str
) -> None:
    account = lives.fake.account
    account.change(account.all(kind)[0], **change)  # the newest: of the first organization

    assert found()[:2] == ({check}, {str(lives.organization.id)})


def test_what_an_event_will_tell_is_no_difference(lives: Shop) -> None:
    charge = next(each for each in lives.fake.all("charge")[::-1] if each["amount"] == 5000)
    lives.fake.dispute_close(lives.fake.dispute(charge["id"])["id"], won=False)
    assert found()[0] == {"provider_state.dispute"}

    closed = lives.fake.all("event")[-1]
    assert lives.tell(closed) == 200

    assert found()[0] == set()


def test_the_hourly_run_asks_for_what_is_new(lives: Shop) -> None:
    account = lives.fake.account
    account.change(account.all("refund")[0], amount=1)
    begun = clock.now() - timedelta(hours=1)

    assert [drift.check for drift in provider_drift(None, begun)] == ["provider.refund"]
    assert provider_drift(None, clock.now() + timedelta(days=1)) == ()


def test_all_objects_are_read_page_after_page(lives: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.payments.reconcile._PAGE", 1)
    monkeypatch.setattr("billing.payments.provider.stripe._PAGE", 1)
    account = lives.fake.account
    account.change(account.all("payment_intent")[-1], amount=1)

    assert [drift.check for drift in provider_drift(None, None)] == ["provider.payment"]


def test_a_provider_that_is_away_is_named_and_nothing_is_made_of_it(lives: Shop) -> None:
    lives.fake.faults.add("error_before", path="/v1/payment_intents", times=9)
    told = StringIO()

    call_command("reconcile", stdout=StringIO(), stderr=told)

    assert "not asked: The payment provider does not answer" in told.getvalue()


def test_operators_are_told(lives: Shop, mailoutbox: list[EmailMessage]) -> None:
    operator = make_user("operator")
    with system_scope("test"):
        User.objects.filter(id=operator.id).update(is_staff=True)
    account = lives.fake.account
    account.change(account.all("refund")[0], amount=1)

    reconcile_all()

    assert "provider.refund" in mailoutbox[-1].body
