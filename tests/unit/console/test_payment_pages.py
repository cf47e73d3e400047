"""What the operator does with payments, refunds, disputes, cards and the provider's events."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.principal import Role
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.models import CreditNote, Invoice
from billing.payments.contracts import EventState
from billing.payments.models import AutoTopUp, Dispute, PaymentAttempt, ProviderEventRow, Refund
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.auto_top_up import auto_top_up_look
from billing.payments.services.intake import DUE_TASK, PROCESS_TASK
from billing.payments.tasks import refund as refund_task
from tests.unit.accounts.helpers import browser_for
from tests.unit.console.test_money_pages import actors, post
from tests.unit.console.test_operator import operator, page
from tests.unit.factories import make_member
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.conftest import card, fake, shop
from tests.unit.payments.shop import Shop

__all__ = ["card", "fake", "operator", "shop"]  # fixtures of the console's and payments' tests

pytestmark = pytest.mark.django_db

PAYMENTS = "/admin/payments/paymentattempt"
EVENTS = "/admin/payments/providereventrow"
AUTO = "/admin/payments/autotopup"
MISSING = "00000000-0000-7000-8000-000000000009"
ONCE = "00000000-0000-7000-8000-00000000000a"
OTHER = ONCE.replace("a", "b")


def paid(shop: Shop, amount: str = "20") -> PaymentAttempt:
    """Collect a new invoice from the saved card, and hear of it."""
    invoice = invoiced(shop.organization, amount, at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    shop.hear()
    return shop.attempts()[-1]


def declined(shop: Shop, card: str) -> PaymentAttempt:
    """Try to collect a new invoice from a card that is refused."""
    shop.fake.card_becomes(card, "pm_card_chargeCustomerFail")
    attempt = paid(shop)
    shop.fake.card_becomes(card, "pm_card_visa")
    return attempt


def disputed(shop: Shop, *, place: int = 0, amount: int = 0) -> dict[str, Any]:
    """The bank of a payment asks it back."""
    charges = [each for each in shop.fake.all("charge") if each["paid"]]
    opened = shop.fake.dispute(charges[place]["id"], amount=amount)
    shop.hear()
    return dict(opened)


def refund(client: Client, attempt: PaymentAttempt, **body: str) -> tuple[int, str]:
    fields = {"amount": "5", "reason": "They asked.", "once": ONCE} | body
    return post(client, f"{PAYMENTS}/{attempt.id}/refund/", fields)


def send(shop: Shop) -> None:
    """Do what the outbox asks workers for: send the refunds."""
    with system_scope("test"):
        asked = OutboxMessage.objects.filter(task="payments.refund")
        payloads = list(asked.order_by("id").values_list("payload", flat=True))
    for payload in payloads:
        refund_task(**payload)
    shop.hear()


def rows(model: type[Any], shop: Shop) -> list[Any]:
    with tenant_scope(shop.organization):
        return list(model.objects.order_by("id"))


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


def test_nothing_goes_back_while_the_invoice_is_to_be_paid(
    operator: Client, shop: Shop, card: str
) -> None:
    attempt = paid(shop)
    opened = disputed(shop, amount=1500)
    shop.fake.dispute_close(opened["id"], won=False)
    shop.hear()
    with tenant_scope(shop.organization):
        Dispute.objects.update(state="won")

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


def test_disputes_say_until_when_and_what_became_of_the_invoice(
    operator: Client, shop: Shop, card: str
) -> None:
    first, _second = paid(shop), paid(shop)
    open_still = disputed(shop, place=1)
    lost = disputed(shop)
    shop.fake.dispute_close(lost["id"], won=False)
    shop.hear()
    with tenant_scope(shop.organization):
        number = Invoice.objects.get(id=first.invoice_id).number

    listed = page(operator, "/admin/payments/dispute/")

    for said in ("Needs an answer", "Lost", "fraudulent", "Nothing so far"):
        assert said in listed, said
    assert f"{number} was opened again" in listed
    assert lost["id"] not in page(operator, "/admin/payments/dispute/?over=no")
    one = {row.ref: row for row in rows(Dispute, shop)}[open_still["id"]]
    shown = page(operator, f"/admin/payments/dispute/{one.id}/change/")
    due = datetime.fromtimestamp(open_still["evidence_details"]["due_by"], UTC)
    assert f"{due:%Y-%m-%d %H:%M}" in shown
    assert f"{due:%Y-%m-%d %H:%M}" in listed


def test_events_are_read_and_replayed_one_or_all(operator: Client, shop: Shop) -> None:
    shop.complete(shop.open(purpose="top_up", amount="50"))
    for each in shop.fake.all("event"):
        shop.tell(each)
    with system_scope("test"):
        ProviderEventRow.objects.update(state=EventState.FAILED, tries=11, error="ProviderAway: no")
        one = ProviderEventRow.objects.get(type="checkout.session.completed")
    listed = page(operator, f"{EVENTS}/")
    assert "ProviderAway: no" in listed
    assert "checkout.session" in page(operator, f"{EVENTS}/{one.id}/change/")
    assert "Replay" in page(operator, f"{EVENTS}/{one.id}/replay/")

    assert post(operator, f"{EVENTS}/{one.id}/replay/", {})[0] == 302
    assert shop.credit() == 0
    shop.act()
    assert shop.credit() == Decimal(50)

    assert "acted on already" in post(operator, f"{EVENTS}/{one.id}/replay/", {})[1]
    assert f"{EVENTS}/{one.id}/replay/" not in page(operator, f"{EVENTS}/{one.id}/change/")
    assert shop.organization.slug in page(operator, f"{EVENTS}/?q={one.ref}")
    assert post(operator, f"{EVENTS}/replay-failed/", {})[0] == 302
    shop.act()
    assert shop.states() == {"done"}
    assert shop.credit() == Decimal(50)
    assert actors("payment_event.replay") == {"operator@local"}
    with system_scope("test"):
        rung = OutboxMessage.objects.filter(task__in=[DUE_TASK, PROCESS_TASK])
        assert {"ref": one.ref} in rung.values_list("payload", flat=True)
        assert rung.filter(task=DUE_TASK).count() == 1


def test_the_sidebar_counts_what_waits_for_the_operator(
    operator: Client, shop: Shop, card: str
) -> None:
    def badges() -> list[str]:
        shown = page(operator, "/admin/")
        return re.findall(r"text-\[11px\][^>]*>\s*(\d+)\s*</span>", shown)

    assert badges() == []
    paid(shop)
    disputed(shop)
    with system_scope("test"):
        ProviderEventRow.objects.filter(kind="customer").update(state=EventState.FAILED)
        failed = ProviderEventRow.objects.filter(state=EventState.FAILED).count()

    assert badges() == ["1", str(failed)]


def test_an_automatic_top_up_is_stopped_until_the_operator_resumes_it(
    operator: Client, shop: Shop, card: str
) -> None:
    terms = {"enabled": True, "threshold": "100", "amount": "30", "daily_cap": "500"}
    assert shop.api.put("/v1/billing/auto_top_up", terms, format="json").status_code == 200
    row = rows(AutoTopUp, shop)[0]
    assert f"{AUTO}/{row.id}/resume/" not in page(operator, f"{AUTO}/{row.id}/change/")

    assert post(operator, f"{AUTO}/{row.id}/pause/", {"reason": " "})[0] == 200
    assert post(operator, f"{AUTO}/{row.id}/pause/", {"reason": "Stolen card?"})[0] == 302

    assert shop.api.put("/v1/billing/auto_top_up", terms, format="json").json()["paused"]
    paid(shop)
    shop.complete(shop.open(purpose="top_up", amount="5"))
    shop.hear()
    assert auto_top_up_look(organization=shop.organization) is None
    shown = page(operator, f"{AUTO}/{row.id}/change/")
    assert "Paused by the operator" in shown
    assert f"{AUTO}/{row.id}/pause/" not in shown
    assert post(operator, f"{AUTO}/{row.id}/resume/", {"reason": "It was theirs."})[0] == 302
    assert auto_top_up_look(organization=shop.organization) is not None
    assert actors("auto_top_up.pause", "auto_top_up.resume") == {"operator@local"}


def test_cards_show_no_more_than_may_be_known(operator: Client, shop: Shop, card: str) -> None:
    listed = page(operator, "/admin/payments/paymentmethod/?q=4242")

    assert "visa" in listed
    assert shop.organization.slug in listed
    assert "4242424242424242" not in listed


@pytest.mark.parametrize(
    ("table", "queries"),
    [("paymentattempt", 9), ("refund", 10), ("dispute", 11), ("providereventrow", 9)],
)
def test_a_list_costs_the_same_for_one_row_and_for_many(
    operator: Client, shop: Shop, card: str, table: str, queries: int
) -> None:
    counts = []
    for count in (1, 3):
        for _ in range(count):
            attempt = paid(shop)
            assert refund(operator, attempt, once=str(attempt.id))[0] == 302
        send(shop)
        disputed(shop, place=-1)
        with CaptureQueriesContext(connection) as told:
            page(operator, f"/admin/payments/{table}/")
        counts.append(len(told))

    assert counts == [queries, queries]


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
