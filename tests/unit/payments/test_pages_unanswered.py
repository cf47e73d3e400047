"""Pages whose opening Stripe never answered keep nobody from paying, and nobody pays twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import tenant_scope
from billing.invoices.models import Dunning, Invoice
from billing.payments.services.attempts import invoice_collect
from billing.payments.tasks import sweep
from tests.stripe_fake import StripeFake
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(shop: Shop) -> Invoice:
    """An invoice of twenty dollars that is due."""
    return invoiced(shop.organization, "20", at=clock.now())


@contextmanager
def unanswered(fake: StripeFake) -> Iterator[None]:
    """Pages are opened and nobody hears of it."""
    fake.faults.add("cut_after", method="POST", path="/v1/checkout/sessions")
    # The client asks once more by itself.
    fake.faults.add("cut_before", method="POST", path="/v1/checkout/sessions")
    yield
    fake.faults.clear()


def ask(shop: Shop, invoice: Invoice, *, key: str = "", status: int = 200) -> dict[str, str]:
    asked = public_id("inv_", invoice.id)
    return shop.open(purpose="invoice", invoice=asked, key=key, status=status)


def lost(shop: Shop, invoice: Invoice) -> None:
    with unanswered(shop.fake):
        ask(shop, invoice, key="lost", status=503)


def test_another_page_takes_the_place_of_one_that_nobody_heard_of(
    shop: Shop, invoice: Invoice
) -> None:
    lost(shop, invoice)

    shop.complete(ask(shop, invoice))
    shop.hear()

    assert shop.invoice(invoice).payment_status == "paid"
    assert shop.collected() == 2000
    pages = shop.fake.all("checkout.session")
    assert [page["status"] for page in pages] == ["expired", "complete"]


def test_r20_a_card_is_charged_once_the_page_that_nobody_heard_of_is_closed(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    lost(shop, invoice)

    made = invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)

    assert made.state == "succeeded"
    assert [page["status"] for page in shop.fake.all("checkout.session")][-1] == "expired"
    assert [(row.state, row.failure) for row in shop.attempts()] == [
        ("failed", "expired"),
        ("succeeded", ""),
    ]
    with tenant_scope(shop.organization):
        assert not Dunning.objects.exists()


def test_who_asks_again_for_a_page_that_was_closed_meanwhile_pays_nothing_there(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    lost(shop, invoice)
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)

    page = ask(shop, invoice, key="lost")

    assert (page["status"], page["url"]) == ("expired", None)


def test_a_page_that_nobody_asked_for_again_ends_after_its_day(shop: Shop) -> None:
    with unanswered(shop.fake):
        shop.open(purpose="top_up", amount="50", key="lost", status=503)

    with clock.frozen(clock.now() + timedelta(hours=25)):
        sweep()
        page = shop.open(purpose="top_up", amount="50", key="lost")

    assert (page["status"], page["url"]) == ("expired", None)
    assert [(row.state, row.failure) for row in shop.attempts()] == [("failed", "expired")]
    assert len(shop.fake.all("checkout.session")) == 1


def test_a_page_that_stripe_refuses_to_open_is_over(shop: Shop, invoice: Invoice) -> None:
    shop.fake.faults.add("refusal", method="POST", path="/v1/checkout/sessions", times=2)

    for _ in range(2):
        ask(shop, invoice, status=502)

    assert [(row.state, row.failure) for row in shop.attempts()] == [("failed", "expired")] * 2
