"""What the operator sees of payments, and how money goes back."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from anneal.kernel.ids import public_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Role
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.models import CreditNote, Invoice
from billing.payments.models import Dispute, Refund
from billing.payments.services.attempts import invoice_collect
from tests.unit.accounts.helpers import browser_for
from tests.unit.console.test_money_pages import actors
from tests.unit.console.test_operator import operator, page
from tests.unit.console.till import (
    AUTO,
    EVENTS,
    MISSING,
    OTHER,
    PAYMENTS,
    declined,
    disputed,
    paid,
    refund,
    rows,
    send,
)
from tests.unit.factories import make_member
from tests.unit.payments.conftest import card, fake, seed, shop
from tests.unit.payments.shop import Shop

__all__ = [
    "card",
    "fake",
    "operator",
    "seed",
    "shop",
]  # fixtures of the console's and payments' tests

pytestmark = pytest.mark.django_db


def test_payments_of_every_state_are_listed_and_found(
    operator: Client, shop: Shop, card: str
) -> None:
    failed, good, back = declined(shop, card), paid(shop), paid(shop, "30")
    assert refund(operator, back, amount="30")[0] == 302
    disputed(shop)
    page_open = shop.open(purpose="top_up", amount="50")
    with tenant_scope(shop.organization):
        number = Invoice.objects.get(id=good.invoice_id).number

    listed = page(operator, f"{PAYMENTS}/")

    for said in ("Open", "Failed", "Disputed", "Refunded", "Top-up", "20.00 USD", "visa 4242"):
        assert said in listed, said
    assert number in listed
    assert failed.failure in listed

    def found(query: str) -> set[str]:
        shown = page(operator, f"{PAYMENTS}/?{query}")
        return set(re.findall(rf"{PAYMENTS}/([0-9a-f-]{{36}})/change/", shown))

    opened = {str(row.id) for row in shop.attempts() if row.session_ref == shop.page(page_open)}
    each = [{str(row.id)} for row in (failed, good, back)]
    assert found("status=failed") == found("q=" + failed.intent_ref) == each[0]
    assert found("status=disputed") == found("q=" + public_id("pay_", good.id)) == each[1]
    assert found("q=" + number) == each[1]
    assert found("status=refunded") == each[2]
    assert found("status=open") == found("purpose=top_up") == opened
    assert found("purpose=invoice") == set.union(*each)
    assert found("provider=stripe") == set.union(opened, *each)
    assert found("provider=demo") == found("q=nothing") == set()
    assert found("q=" + shop.organization.slug) == set.union(opened, *each)


def test_a_payment_shows_its_tries_refunds_disputes_and_events(
    operator: Client, shop: Shop, card: str
) -> None:
    refused = declined(shop, card)
    with tenant_scope(shop.organization):
        invoice = Invoice.objects.get(id=refused.invoice_id)
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    shop.hear()
    good = shop.attempts()[-1]
    assert refund(operator, good)[0] == 302
    send(shop)
    asked_back = disputed(shop, amount=1000)

    shown = page(operator, f"{PAYMENTS}/{good.id}/change/")

    for said in (
        public_id("pay_", good.id),
        good.intent_ref,
        refused.failure,
        rows(Refund, shop)[0].ref,
        asked_back["id"],
        "charge.dispute.created",
        "payment_intent.succeeded",
        f"/admin/invoices/invoice/{invoice.id}/change/",
        f"{PAYMENTS}/{refused.id}/change/",
        "visa 4242",
        "Stripe",
    ):
        assert said in shown, said


def test_a_refund_and_its_credit_note_are_one_act_and_happen_once(
    operator: Client, shop: Shop, card: str
) -> None:
    attempt = paid(shop)
    form = page(operator, f"{PAYMENTS}/{attempt.id}/refund/")
    assert "At most 20.00 USD." in form

    assert [refund(operator, attempt)[0] for _ in range(2)] == [302, 302]
    assert refund(operator, attempt, amount="15", once=OTHER)[0] == 302
    for _ in range(2):
        send(shop)

    notes = rows(CreditNote, shop)
    assert [(note.total_minor, note.return_by) for note in notes] == [
        (500, "refund"),
        (1500, "refund"),
    ]
    assert [row.state for row in rows(Refund, shop)] == ["succeeded", "succeeded"]
    assert [each["amount"] for each in shop.fake.all("refund")] == [500, 1500]
    assert actors("credit_note.issue") == {"operator@local"}
    with tenant_scope(shop.organization):
        told = AuditEvent.objects.filter(action="refund.succeeded")
        assert set(told.values_list("target", flat=True)) == {public_id("pay_", attempt.id)}
    shown = page(operator, f"{PAYMENTS}/{attempt.id}/change/")
    assert "Refunded" in shown
    assert f"{PAYMENTS}/{attempt.id}/refund/" not in shown
    assert notes[0].number in page(
        operator, f"/admin/payments/refund/{rows(Refund, shop)[0].id}/change/"
    )


def test_a_refund_survives_a_provider_that_is_away(operator: Client, shop: Shop, card: str) -> None:
    attempt = paid(shop)
    assert refund(operator, attempt)[0] == 302
    shop.fake.faults.add("cut_after", method="POST", path="/v1/refunds")
    shop.fake.faults.add("cut_before", method="POST", path="/v1/refunds")
    with pytest.raises(Exception, match="does not answer"):
        send(shop)
    assert "On its way" in page(operator, "/admin/payments/refund/")

    send(shop)

    assert [row.state for row in rows(Refund, shop)] == ["succeeded"]
    assert [each["amount"] for each in shop.fake.all("refund")] == [500]


def test_what_cannot_go_back_is_refused_with_a_sentence(
    operator: Client, shop: Shop, card: str
) -> None:
    failed, good, asked_back = declined(shop, card), paid(shop), paid(shop)
    disputed(shop, place=1)

    assert "only one that succeeded" in refund(operator, failed)[1]
    assert "above" in refund(operator, good, amount="20.01")[1]
    assert "above 0" in refund(operator, good, amount="0")[1]
    assert "at most 2 decimals" in refund(operator, good, amount="0.001")[1]
    assert "required" in refund(operator, good, reason=" ")[1]
    assert "only after it is won" in refund(operator, asked_back)[1]
    assert refund(operator, good)[0] == 302
    assert "used for another credit note" in refund(operator, good, amount="6")[1]
    assert [row.amount_minor for row in rows(Refund, shop)] == [500]


@pytest.mark.differs("disputes.taken", "provider_state.dispute")
def test_nothing_goes_back_while_the_invoice_is_to_be_paid(
    operator: Client, shop: Shop, card: str
) -> None:
    attempt = paid(shop)
    opened = disputed(shop, amount=1500)
    shop.fake.dispute_close(opened["id"], won=False)
    shop.hear()
    with tenant_scope(shop.organization):
        Dispute.objects.update(state="won", booked=False)

    shown = refund(operator, attempt)[1]

    assert "0.00 USD can go back" in shown
    assert rows(CreditNote, shop) == []
    assert rows(Refund, shop) == []


def test_bought_credit_that_is_spent_does_not_go_back(operator: Client, shop: Shop) -> None:
    shop.complete(shop.open(purpose="top_up", amount="50"))
    shop.hear()
    attempt = shop.attempts()[-1]

    assert refund(operator, attempt, amount="20")[0] == 302

    assert shop.credit() == Decimal(30)
    assert "Partly refunded" in page(operator, f"{PAYMENTS}/")


def test_a_list_costs_the_same_for_one_row_and_for_many(
    operator: Client, shop: Shop, card: str
) -> None:
    queries = {"paymentattempt": 9, "refund": 10, "dispute": 10, "providereventrow": 9}

    def cost(table: str) -> int:
        with CaptureQueriesContext(connection) as told:
            page(operator, f"/admin/payments/{table}/")
        return len(told)

    def grow() -> dict[str, int]:
        attempt = paid(shop)
        assert refund(operator, attempt, once=str(attempt.id))[0] == 302
        send(shop)
        disputed(shop, place=-1)
        return {table: cost(table) for table in queries}

    assert [grow() for _ in range(3)] == [queries] * 3


@pytest.mark.parametrize(
    "path",
    [
        f"{PAYMENTS}/{MISSING}/refund/",
        f"{EVENTS}/{MISSING}/replay/",
        f"{AUTO}/{MISSING}/pause/",
        f"{AUTO}/{MISSING}/resume/",
    ],
)
def test_what_is_not_there_is_not_found(operator: Client, path: str) -> None:
    assert operator.get(path).status_code == 404
    assert operator.post(path, {}).status_code == 404


def test_whoever_is_no_operator_moves_nothing(shop: Shop, card: str) -> None:
    attempt = paid(shop)
    browser = browser_for(make_member(shop.organization, Role.OWNER))

    assert browser.get(f"{PAYMENTS}/").status_code == 302
    status, _shown = refund(browser, attempt)

    assert status == 302
    assert rows(Refund, shop) == []
    assert browser.post(f"{EVENTS}/replay-failed/", {}).status_code == 302
    with system_scope("test"):
        assert not AuditEvent.objects.filter(action="payment_event.replay").exists()


def test_the_pages_speak_chinese(operator: Client, shop: Shop, card: str) -> None:
    attempt = paid(shop)
    operator.cookies["anneal_language"] = "zh-Hans"

    shown = page(operator, f"{PAYMENTS}/{attempt.id}/change/")

    for said in ("付款", "扣款尝试", "支付方事件", "成功", "退回"):
        assert said in shown, said
    assert "最多 20.00 USD" in page(operator, f"{PAYMENTS}/{attempt.id}/refund/")
