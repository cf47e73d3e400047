"""Random histories of a customer at Stripe, and what of them reaches us, when and how often."""

import random
from collections.abc import Callable
from typing import Any

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Invoice
from billing.ledger.reconcile import drifts_read
from billing.payments import tasks
from billing.payments.models import CheckoutSession, Dispute, PaymentCustomer, Refund
from billing.payments.services.attempts import invoice_collect
from tests.unit.invoices.helpers import credit, invoiced
from tests.unit.payments.metered import now_at
from tests.unit.payments.shop import Shop

Object = dict[str, Any]


class Life:
    """A customer of ours, and the events at Stripe that it was not told of yet."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.fake = shop, shop.fake
        self.pages: list[str] = []
        self.disputes: list[str] = []
        self.untold: list[tuple[int, Object]] = []
        self.customer = ""
        self._seen = 0

    def begin(self, card: str) -> None:
        """Save a card, pay an invoice of which a part goes back, and open pages."""
        self.shop.save_card(card)
        organization = self.shop.organization
        with tenant_scope(organization):
            self.customer = PaymentCustomer.objects.get().ref
        with now_at(self.fake):
            paid = invoiced(organization, "20", at=clock.now())
            invoice_collect(organization=organization, invoice_id=paid.id, automatic=True)
            refund = {"return_by": ReturnBy.REFUND, "at": clock.now()}
            credit(organization, self.shop.invoice(paid), 500, **refund)
            tasks.retry()
            due = invoiced(organization, "30", at=clock.now())
            opened = [
                self.shop.open(purpose="top_up", amount="50"),
                self.shop.open(purpose="top_up", amount="60"),
                self.shop.open(purpose="invoice", invoice=public_id("inv_", due.id)),
            ]
        self.pages = [self.shop.page(each) for each in opened]

    def fresh(self) -> list[Object]:
        """What happened to this customer since the last look."""
        events = self.fake.all("event")
        found, self._seen = events[self._seen :], len(events)
        return [each for each in found if self._mine(each)]

    def tell(self, events: list[Object]) -> None:
        """Tell of events, and act on them."""
        assert all(self.shop.tell(each) == 200 for each in events)
        with now_at(self.fake):
            self.shop.act()

    def own(self, kind: str) -> list[Object]:
        """What Stripe holds of this customer, oldest first."""
        return [each for each in self.fake.all(kind) if each.get("customer") == self.customer]

    def _mine(self, event: Object) -> bool:
        about = event["data"]["object"]
        before = event["data"].get("previous_attributes") or {}
        known = {about["id"], about.get("customer"), before.get("customer")}
        paid = {each["id"] for each in self.own("payment_intent")}
        return self.customer in known or about.get("payment_intent") in paid


def acts(chance: random.Random) -> list[Callable[[Life], None]]:
    """What happens at Stripe, in an order of chance; banks decide at the end."""
    happen = [
        *(_page(number, chance.choice(["paid", "declined", "left"])) for number in range(3)),
        _card_saved,
        _card_removed,
        *(_disputed(number) for number in range(2)),
    ]
    chance.shuffle(happen)
    return [*happen, *(_decided(number, chance.random() < 0.5) for number in range(2))]


def told_badly(life: Life, chance: random.Random) -> None:
    """Lose events, tell others up to three times and up to three days late, in any order."""
    now = life.fake.clock.seconds
    life.untold += [
        (now + chance.choice([0, 60, 3600, 3 * 24 * 3600]), each)
        for each in life.fresh()
        if chance.random() > 0.2
        for _ in range(chance.randint(1, 3))
    ]
    due = [each for at, each in life.untold if at <= now]
    life.untold = [(at, each) for at, each in life.untold if at > now]
    chance.shuffle(due)
    life.tell(due)


def state(shop: Shop) -> dict[str, Any]:
    """All that payments know of a customer, without names."""
    methods = shop.api.get("/v1/billing/payment_methods").json()["data"]
    kept = {
        "credit": shop.credit(),
        "payments": sorted((each.amount_minor, each.refunded_minor) for each in shop.payments()),
        "attempts": sorted((each.amount_minor, each.state) for each in shop.attempts()),
        "cards": sorted((one["last4"], one["is_default"]) for one in methods),
    }
    rows = {
        "refunds": Refund.objects.values_list("amount_minor", "state"),
        "disputes": Dispute.objects.values_list("amount_minor", "state", "booked"),
        "pages": CheckoutSession.objects.values_list("purpose", "state"),
        "invoices": Invoice.objects.values_list("total_minor", "paid_minor", "payment_status"),
    }
    with tenant_scope(shop.organization):
        return (
            kept
            | {name: sorted(found) for name, found in rows.items()}
            | {"drifts": [(each.check, each.subject) for each in drifts_read()]}
        )


def _page(number: int, ends: str) -> Callable[[Life], None]:
    cards = {"paid": ["visa"], "declined": ["visa_chargeDeclined", "visa"], "left": []}[ends]

    def act(life: Life) -> None:
        page = next(e for e in life.own("checkout.session") if e["id"] == life.pages[number])
        for card in cards * (page["status"] == "open"):
            life.fake.checkout(page["id"], payment_method=f"pm_card_{card}")

    return act


def _card_saved(life: Life) -> None:
    life.fake.portal_save_card(life.customer, "pm_card_mastercard")


def _card_removed(life: Life) -> None:
    life.fake.portal_remove_card(life.own("payment_method")[0]["id"])


def _disputed(number: int) -> Callable[[Life], None]:
    def act(life: Life) -> None:
        paid = [each for each in life.own("payment_intent") if each["amount_received"]]
        for each in paid[number : number + 1]:
            life.disputes.append(life.fake.dispute(each["latest_charge"], amount=1000)["id"])

    return act


def _decided(number: int, won: bool) -> Callable[[Life], None]:
    def act(life: Life) -> None:
        for each in life.disputes[number : number + 1]:
            life.fake.dispute_close(each, won=won)

    return act
