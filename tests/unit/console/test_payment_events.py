"""Disputes, the provider's events, cards and automatic top-ups, as the operator sees them."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.utils.formats import date_format

from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.models import Invoice
from billing.payments.contracts import EventState
from billing.payments.models import AutoTopUp, Dispute, ProviderEventRow
from billing.payments.services.auto_top_up import auto_top_up_look
from billing.payments.services.intake import PROCESS_TASK
from tests.unit.console.test_money_pages import actors, post
from tests.unit.console.test_operator import operator, page
from tests.unit.console.till import (
    AUTO,
    EVENTS,
    disputed,
    paid,
    rows,
)
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
    assert date_format(due, "DATETIME_FORMAT") in shown
    assert date_format(due, "DATETIME_FORMAT") in listed


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
        rung = OutboxMessage.objects.filter(task=PROCESS_TASK, payload={"ref": one.ref})
        assert rung.count() == 2


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
    assert actors("auto_top_up.stop", "auto_top_up.resume") == {"operator@local"}


def test_cards_show_no_more_than_may_be_known(operator: Client, shop: Shop, card: str) -> None:
    listed = page(operator, "/admin/payments/paymentmethod/?q=4242")

    assert "visa" in listed
    assert shop.organization.slug in listed
    assert "4242424242424242" not in listed
