"""What happens between a customer, this installation and Stripe, in a test's order."""

import json
import random
import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client

from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.models import Invoice
from billing.ledger.selectors import balance_get
from billing.payments.contracts import EventState
from billing.payments.models import (
    CheckoutSession,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    ProviderEventRow,
)
from billing.payments.services.processing import event_process
from tests.stripe_fake import StripeFake, signature
from tests.unit.factories import make_client

WEBHOOK = "/v1/stripe/webhook"
CHECKOUT = "/v1/billing/checkout"


class Shop:
    """An organization that buys, and the account that collects."""

    def __init__(self, organization: OrganizationRef, fake: StripeFake) -> None:
        self.organization, self.fake = organization, fake
        self.api, self.stripe = make_client(organization), Client()

    def open(self, *, key: str = "", status: int = 200, **body: Any) -> dict[str, Any]:
        """Ask for a page."""
        answer = self.api.post(
            CHECKOUT,
            {"return_path": "/o/acme/billing/checkout"} | body,
            format="json",
            headers={"Idempotency-Key": key or uuid4().hex},
        )
        assert answer.status_code == status, answer.content
        return dict(answer.json())

    def page(self, checkout: dict[str, Any]) -> str:
        """The provider's name of a page."""
        with tenant_scope(self.organization):
            row = CheckoutSession.objects.get(id=parse_id("cs_", checkout["id"]))
        return str(row.ref)

    def complete(self, checkout: dict[str, Any], card: str = "pm_card_visa") -> None:
        """The customer uses a card on a page."""
        self.fake.checkout(self.page(checkout), payment_method=card)

    def save_card(self, card: str = "pm_card_visa") -> str:
        """The customer saves a card, and we hear of it; the provider's name of it."""
        self.complete(self.open(purpose="payment_method"), card)
        self.hear()
        with tenant_scope(self.organization):
            return str(PaymentMethod.objects.get(is_default=True).ref)

    def tell(self, event: dict[str, Any], **more: Any) -> int:
        """Send an event as Stripe does; the answer's status."""
        body = json.dumps(event)
        secret = more.get("secret", settings.ANNEAL_STRIPE_WEBHOOK_SECRET)
        at = more.get("at", int(time.time()))
        answer = self.stripe.post(
            WEBHOOK,
            more.get("body", body),
            content_type="application/json",
            headers={
                "Stripe-Signature": more.get("header", signature(body, secret, at=at)),
            },
        )
        return answer.status_code

    def hear(self, *, order: int | None = None, copies: int = 1) -> None:
        """Hear of everything that has happened so far, in some order, and act on it."""
        events = self.fake.all("event") * copies
        if order is not None:
            random.Random(order).shuffle(events)
        assert {self.tell(each) for each in events} == {200}
        self.act()

    def act(self) -> None:
        """Act on what was heard."""
        with system_scope("test"):
            waiting = ProviderEventRow.objects.filter(state=EventState.WAITING)
            refs = list(waiting.order_by("id").values_list("ref", flat=True))
        for ref in refs:
            event_process(ref)

    def credit(self, unit: str = "USD") -> Decimal:
        """What may be spent."""
        with tenant_scope(self.organization):
            return balance_get(organization=self.organization, unit=unit).available

    def invoice(self, invoice: Invoice) -> Invoice:
        """An invoice as it is now."""
        with tenant_scope(self.organization):
            return Invoice.objects.get(id=invoice.id)

    def attempts(self) -> list[PaymentAttempt]:
        """Every try to collect, oldest first."""
        with tenant_scope(self.organization):
            return list(PaymentAttempt.objects.order_by("id"))

    def payments(self) -> list[Payment]:
        """All money that came, oldest first."""
        with tenant_scope(self.organization):
            return list(Payment.objects.order_by("id"))

    def collected(self) -> int:
        """What Stripe collected, in coins."""
        return sum(
            each["amount_received"]
            for each in self.fake.all("payment_intent")
            if each["status"] == "succeeded"
        )

    def states(self) -> set[str]:
        """In which states the events that were heard are."""
        with system_scope("test"):
            return set(ProviderEventRow.objects.values_list("state", flat=True))
