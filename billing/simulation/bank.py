"""The bank of the year: a payment provider in memory, exact with money and careless with messages.

It shares no table with the books, so what it collected and sent back is told by a second witness.
Answers get lost after their effect, events come twice, late, in any order or never, payments hang,
customers dispute, and somebody sends money back in the dashboard.
"""

import heapq
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Final
from uuid import UUID, uuid4

from anneal.kernel import clock
from billing.payments.contracts import (
    ChargeWanted,
    CheckoutState,
    IntentStatus,
    MeterEventWanted,
    ProviderCard,
    ProviderDispute,
    ProviderEvent,
    ProviderIntent,
    ProviderRefund,
    ProviderSession,
    SessionWanted,
)
from billing.payments.errors import ProviderAway, ProviderRefused, SignatureInvalid
from billing.payments.provider.demo_cards import decline_of

_PAGE: Final = timedelta(hours=24)
_KEPT: Final = timedelta(days=30)
_HOUR: Final = timedelta(hours=1)


class Bank:
    """Cards, pages, payments, refunds and disputes; ``steady`` it makes no mistakes."""

    name = "simulated"
    prefixes: tuple[str, ...] = ("pi_", "re_", "dp_")

    def __init__(self, seed: int, pace: float = 1) -> None:
        self.chance = random.Random(f"{seed}:bank")  # noqa: S311 # chance that can be repeated
        self.steady = False
        self._disputed = 0.03 * pace
        self._returned = 0.02 * pace
        self.intents: dict[str, ProviderIntent] = {}
        self.refunds: dict[str, ProviderRefund] = {}
        self.disputes: dict[str, ProviderDispute] = {}
        self._cards: dict[str, dict[str, ProviderCard]] = defaultdict(dict)
        self._numbers: dict[str, str] = {}
        self._pages: dict[str, ProviderSession] = {}
        self._wanted: dict[str, SessionWanted] = {}
        self._made: dict[str, str] = {}
        self.returned: set[str] = set()
        """Payments of which something was sent back in the dashboard."""
        self._spoken_for: set[str] = set()
        """Payments of which something went back or is disputed."""
        self._names = count(1)
        self._mark = uuid4().hex[:12]
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._told: deque[ProviderEvent] = deque()
        self._arrived: list[ProviderEvent] = []

    def live(self) -> list[ProviderEvent]:
        """Let happen what is due by now; return the events that arrive, in any order."""
        now = clock.now()
        while self._agenda and self._agenda[0][0] <= now:
            heapq.heappop(self._agenda)[2]()
        while self._told and self._told[0].created_at < now - _KEPT:
            self._told.popleft()
        arrived, self._arrived = self._arrived, []
        self.chance.shuffle(arrived)
        return arrived

    def end(self) -> None:
        """Make no more mistakes, settle what hangs and deliver what is on its way."""
        self.steady = True
        for ref, intent in self.intents.items():
            if intent.status == IntentStatus.PENDING:
                self._settle(ref)

    def customer_make(self, *, name: str, organization: str, key: str) -> str:
        """Make a customer."""
        return self._once(key, "cus")[0]

    def session_open(self, wanted: SessionWanted) -> ProviderSession:
        """Open a page."""
        ref, new = self._once(wanted.key, "cs")
        if new:
            expires_at = clock.now() + _PAGE
            self._wanted[ref] = wanted
            self._pages[ref] = ProviderSession(
                ref, CheckoutState.OPEN, f"https://bank.example/{ref}", expires_at, wanted.customer
            )
            self._fail_or(0.02)
        return self._pages[ref]

    def session_read(self, ref: str) -> ProviderSession:
        """Return a page; one whose time is over is closed now."""
        page = self._pages[ref]
        if page.state == CheckoutState.OPEN and page.expires_at <= clock.now():
            return self.session_expire(ref)
        return page

    def session_expire(self, ref: str) -> ProviderSession:
        """Close a page that is open."""
        if self._pages[ref].state == CheckoutState.OPEN:
            self._page_end(ref, CheckoutState.EXPIRED, "")
        return self._pages[ref]

    def charge(self, wanted: ChargeWanted) -> ProviderIntent:
        """Take money from a card; a few answers are lost, before or after."""
        if wanted.card not in self._cards[wanted.customer]:
            raise ProviderRefused
        if wanted.key not in self._made:
            self._fail_or(0.01)
        ref, new = self._once(wanted.key, "pi")
        if new:
            failure = self._declined(self._cards[wanted.customer][wanted.card])
            self._intent(ref, wanted, failure)
            self._fail_or(0.02)
        return self.intents[ref]

    def intent_read(self, ref: str) -> ProviderIntent:
        """Return a payment."""
        return self.intents[ref]

    def cards(self, customer: str) -> tuple[ProviderCard, ...]:
        """Return a customer's cards."""
        return tuple(self._cards[customer].values())

    def card_default(self, *, customer: str, card: str) -> None:
        """Pay with this card from now on."""
        for ref, each in self._cards[customer].items():
            self._cards[customer][ref] = replace(each, default=ref == card)
        self._tell("customer.updated", "customer", customer, customer)

    def card_remove(self, card: str) -> None:
        """Forget a card."""
        for customer, cards in self._cards.items():
            if cards.pop(card, None) is not None:
                self._tell("payment_method.detached", "payment_method", card, customer)
                return

    def portal_open(self, *, customer: str, return_url: str) -> str:
        """There is no page but the checkout's."""
        return return_url

    def meter_tell(self, wanted: MeterEventWanted) -> None:
        """A bank has no meters."""
        raise ProviderRefused

    def meter_counted(self, *, event_name: str, customer: str, hour: datetime) -> Decimal:
        """A bank has no meters."""
        raise ProviderRefused

    def intents_since(self, moment: datetime | None) -> Iterator[ProviderIntent]:
        """Yield all payments: a year's are few."""
        return iter(self.intents.values())

    def refunds_since(self, moment: datetime | None) -> Iterator[ProviderRefund]:
        """Yield all refunds."""
        return iter(self.refunds.values())

    def disputes_since(self, moment: datetime | None) -> Iterator[ProviderDispute]:
        """Yield all disputes."""
        return iter(self.disputes.values())

    def refund(
        self, *, intent: str, amount_minor: int, currency: str, key: str, refund_id: UUID
    ) -> ProviderRefund:
        """Send money back; nothing of what a customer disputes, nor more than came."""
        if key not in self._made:
            disputed = any(each.intent == intent for each in self.disputes.values())
            if disputed or self._gone(intent) + amount_minor > self.intents[intent].amount_minor:
                raise ProviderRefused
        ref, new = self._once(key, "re")
        if new:
            self._spoken_for.add(intent)
            self._refunded(ref, intent, amount_minor, refund_id)
            self._fail_or(0.05)
        return self.refunds[ref]

    def refund_read(self, ref: str) -> ProviderRefund:
        """Return a refund."""
        return self.refunds[ref]

    def dispute_read(self, ref: str) -> ProviderDispute:
        """Return a dispute."""
        return self.disputes[ref]

    def event_verified(self, body: bytes, signature: str) -> ProviderEvent:
        """Nobody sends this bank's events but itself."""
        raise SignatureInvalid

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """Yield the events from a moment on, newest first."""
        return (each for each in list(reversed(self._told)) if each.created_at >= moment)

    def page_use(self, ref: str, number: str, expires: datetime) -> str:
        """Use a card on a page; return why it was declined, empty where it was not."""
        page, wanted = self._pages[ref], self._wanted[ref]
        failure = decline_of(number, on_page=True)
        if failure or page.state != CheckoutState.OPEN:
            return failure or "page_closed"
        if wanted.amount_minor:
            intent, _ = self._once(f"page:{ref}", "pi")
            self._intent(intent, wanted, "")
            self._page_end(ref, CheckoutState.COMPLETE, intent)
            return ""
        card, _ = self._once(f"card:{ref}", "pm")
        mine = self._cards[page.customer]
        for other, each in mine.items():
            mine[other] = replace(each, default=False)
        mine[card] = ProviderCard(
            card, "visa", number[-4:], expires.month, expires.year, default=True
        )
        self._numbers[card] = number
        self._page_end(ref, CheckoutState.COMPLETE, "")
        return ""

    def _intent(self, ref: str, wanted: ChargeWanted | SessionWanted, failure: str) -> None:
        self.intents[ref] = ProviderIntent(
            ref,
            IntentStatus.PENDING,
            wanted.amount_minor,
            wanted.currency,
            wanted.customer,
            wanted.attempt_id,
            failure,
        )
        if isinstance(wanted, ChargeWanted) and self._happens(0.04):
            self._later(self.chance.randint(1, 60) * _HOUR, lambda: self._settle(ref))
        else:
            self._settle(ref)

    def _settle(self, ref: str) -> None:
        """End a payment that hangs; some of those that succeed are disputed weeks later."""
        intent = self.intents[ref]
        if intent.status != IntentStatus.PENDING:
            return
        status = IntentStatus.FAILED if intent.failure else IntentStatus.SUCCEEDED
        self.intents[ref] = replace(intent, status=status)
        told = "payment_failed" if intent.failure else "succeeded"
        self._tell(f"payment_intent.{told}", "payment_intent", ref, intent.customer)
        if status != IntentStatus.SUCCEEDED:
            return
        for likely, does in ((self._disputed, self._dispute), (self._returned, self._return)):
            if self._happens(likely):
                self._later(timedelta(days=self.chance.randint(1, 20)), partial(does, ref))

    def _return(self, intent: str) -> None:
        """Send a part back, or all that is left, as somebody does who sits at the dashboard."""
        left = self.intents[intent].amount_minor - self._gone(intent)
        if not left or any(each.intent == intent for each in self.disputes.values()):
            return
        self._spoken_for.add(intent)
        self.returned.add(intent)
        some = self.chance.randint(1, left)
        for part in self.chance.choice([(left,), (some,), (some, left - some)]):
            if part:
                self._refunded(self._name("re"), intent, part, None)

    def _refunded(self, ref: str, intent: str, amount_minor: int, refund_id: UUID | None) -> None:
        self.refunds[ref] = ProviderRefund(
            ref, intent, amount_minor, self.intents[intent].currency, "succeeded", refund_id
        )
        self._tell("refund.updated", "refund", ref, "", intent)

    def _gone(self, intent: str) -> int:
        return sum(each.amount_minor for each in self.refunds.values() if each.intent == intent)

    def _dispute(self, intent: str) -> None:
        if intent in self._spoken_for:
            return
        self._spoken_for.add(intent)
        ref, paid = self._name("dp"), self.intents[intent]
        self.disputes[ref] = ProviderDispute(
            ref, intent, paid.amount_minor, paid.currency, "needs_response", "fraudulent"
        )
        self._tell("charge.dispute.created", "dispute", ref, "", intent)
        days = timedelta(days=self.chance.randint(2, 15))
        self._later(days, lambda: self._dispute_end(ref))

    def _dispute_end(self, ref: str) -> None:
        state = self.chance.choice(["lost", "won"])
        self.disputes[ref] = replace(self.disputes[ref], state=state)
        self._tell("charge.dispute.closed", "dispute", ref, "", self.disputes[ref].intent)

    def _page_end(self, ref: str, state: CheckoutState, intent: str) -> None:
        page = self._pages[ref] = replace(self._pages[ref], state=state, intent=intent)
        told = "completed" if state == CheckoutState.COMPLETE else "expired"
        self._tell(f"checkout.session.{told}", "checkout.session", ref, page.customer)

    def _declined(self, card: ProviderCard) -> str:
        """Say why a card pays nothing now: its number, its date, or its account is empty today."""
        now = clock.now()
        if (card.exp_year, card.exp_month) < (now.year, now.month):
            return "expired_card"
        empty = "insufficient_funds" if self._happens(0.06) else ""
        return decline_of(self._numbers[card.ref]) or empty

    def _tell(self, type_: str, kind: str, ref: str, customer: str, intent: str = "") -> None:
        """Tell of something: at once, twice, late, or never, until the list is read."""
        now = clock.now().astimezone(UTC)
        event = ProviderEvent(self._name("evt"), type_, kind, ref, customer, intent, now, "{}")
        self._told.append(event)
        how = 1.0 if self.steady else self.chance.random()
        if how >= 0.15:
            self._arrived.append(event)
        if 0.06 <= how < 0.25:
            late = self.chance.randint(1, 80) * _HOUR
            self._later(late, lambda: self._arrived.append(event))

    def _once(self, key: str, prefix: str) -> tuple[str, bool]:
        """Return the name of what was made for a key, and whether it is made just now."""
        new = key not in self._made
        if new:
            self._made[key] = self._name(prefix)
        return self._made[key], new

    def _name(self, prefix: str) -> str:
        """Return a new name, that no year before in this database has given."""
        return f"{prefix}_{self._mark}_{next(self._names)}"

    def _later(self, wait: timedelta, does: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (clock.now() + wait, next(self._names), does))

    def _happens(self, likely: float) -> bool:
        return not self.steady and self.chance.random() < likely

    def _fail_or(self, likely: float) -> None:
        """Let the answer be lost."""
        if self._happens(likely):
            raise ProviderAway
