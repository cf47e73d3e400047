"""What happens at the till before an operator looks: payments, refusals, disputes, refunds."""

from typing import Any

from django.test import Client

from anneal.kernel import clock
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.payments.models import PaymentAttempt
from billing.payments.services.attempts import invoice_collect
from billing.payments.tasks import refund as refund_task
from tests.unit.console.test_money_pages import post
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.shop import Shop

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
