"""What Stripe refuses because of this installation's set-up: told to its operator, and no dunning.

A key that was changed, a permission that is missing, a currency that is not enabled: no card and no
customer can do anything about them.
"""

from datetime import datetime, timedelta

import pytest

from anneal.console.admin.badges import badges_count
from anneal.kernel import clock
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.models import Dunning, Invoice
from billing.invoices.services import dunning_failed
from billing.invoices.tasks import dun
from billing.payments.errors import ProviderAway
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.refused import collection_faults
from billing.payments.tasks import collect, retry
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

CHARGE = {"method": "POST", "path": "/v1/payment_intents"}
HOUR = timedelta(hours=1)


@pytest.fixture
def invoice(shop: Shop, card: str) -> Invoice:
    """An invoice of twenty dollars that is due in a week."""
    return invoiced(shop.organization, "20", at=clock.now())


def asked(shop: Shop, invoice: Invoice) -> str:
    made = invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    return made.failure


def pass_by(shop: Shop, until: datetime, hours: float = 6) -> None:
    """Let time pass, every scheduled task run, and what was asked for be done."""
    now = clock.now()
    while now < until:
        now += hours * HOUR
        with clock.frozen(now):
            dun()
            retry()
            with system_scope("test"):
                waiting = OutboxMessage.objects.filter(task="payments.collect")
                payloads = list(waiting.values_list("payload", flat=True))
                waiting.delete()
            for payload in payloads:
                collect(**payload)


def ladders(shop: Shop) -> list[datetime | None]:
    """When each ladder of the shop's suspended."""
    with tenant_scope(shop.organization):
        return list(Dunning.objects.values_list("suspended_at", flat=True))


def mailed(shop: Shop) -> list[str]:
    with system_scope("test"):
        rows = OutboxMessage.objects.filter(task="invoices.mail", payload__what="failed")
        return list(rows.values_list("payload__what", flat=True))


def told() -> tuple[list[str], int]:
    """What the operator is told, by doctor and beside the sidebar's entry."""
    with system_scope("test"):
        return collection_faults(), badges_count().get("payments_refused", 0)


def test_a_payment_that_the_set_up_refuses_begins_no_dunning_and_is_told_to_the_operator(
    shop: Shop, invoice: Invoice
) -> None:
    shop.fake.faults.add("refusal", **CHARGE)

    assert asked(shop, invoice) == "payment_provider_refused"

    assert (ladders(shop), mailed(shop)) == ([], [])
    (fault,), badge = told()
    assert "cannot currently make charges in this currency" in fault
    assert badge == 1


def test_it_is_asked_again_by_itself_until_the_set_up_is_mended(
    shop: Shop, invoice: Invoice
) -> None:
    shop.fake.faults.add("refusal", times=3, **CHARGE)
    asked(shop, invoice)

    pass_by(shop, clock.now() + timedelta(days=2))

    assert shop.invoice(invoice).payment_status == "paid"
    assert [row.state for row in shop.attempts()] == ["failed"] * 3 + ["succeeded"]
    assert told() == ([], 0)


@pytest.mark.parametrize("fault", ["bad_key", "forbidden"])
def test_a_key_that_is_wrong_for_days_begins_no_dunning_and_is_told_to_the_operator(
    shop: Shop, invoice: Invoice, fault: str
) -> None:
    shop.fake.faults.add(fault, times=1_000_000, **CHARGE)
    with pytest.raises(ProviderAway):
        asked(shop, invoice)
    (said,), badge = told()
    assert "key" in said.lower()
    assert badge == 1

    pass_by(shop, clock.now() + timedelta(days=5))

    assert (ladders(shop), mailed(shop)) == ([], [])
    assert told()[1] == 1
    shop.fake.faults.clear()
    pass_by(shop, clock.now() + timedelta(days=7))
    assert shop.invoice(invoice).payment_status == "paid"


def test_nobody_is_suspended_nor_mailed_for_what_the_set_up_refused_however_long_it_lasts(
    shop: Shop, invoice: Invoice
) -> None:
    shop.fake.faults.add("refusal", times=1_000_000, **CHARGE)
    asked(shop, invoice)

    pass_by(shop, clock.now() + timedelta(days=25))

    assert (ladders(shop), mailed(shop)) == ([None], [])
    assert shop.invoice(invoice).payment_status == "open"


def test_a_ladder_that_runs_waits_while_the_set_up_refuses_and_goes_on_afterwards(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    begun = clock.now()
    with tenant_scope(shop.organization):
        dunning_failed(organization=shop.organization, invoice_id=invoice.id, at=begun)
    shop.fake.faults.add("refusal", times=1_000_000, **CHARGE)
    pass_by(shop, begun + timedelta(days=20))
    assert ladders(shop) == [None]
    shop.fake.faults.clear()
    shop.fake.card_becomes(card, "pm_card_chargeCustomerFail")

    with clock.frozen(begun + timedelta(days=21)):
        asked(shop, invoice)

    assert ladders(shop) != [None]
