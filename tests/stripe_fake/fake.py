"""The fake as a test holds it: where it listens, its time, its knobs, its customers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import Any

from tests.stripe_fake import customer_page, openapi
from tests.stripe_fake.account import Account, Object, snapshot
from tests.stripe_fake.cards import METHODS
from tests.stripe_fake.clock import Clock
from tests.stripe_fake.control import Control
from tests.stripe_fake.disputing import (
    appeal_dispute,
    close_dispute,
    open_dispute,
    prevent_dispute,
)
from tests.stripe_fake.faults import Faults
from tests.stripe_fake.methods import detach
from tests.stripe_fake.openapi import ABSENT, present
from tests.stripe_fake.resources.webhook_endpoints import new_endpoint
from tests.stripe_fake.server import Server
from tests.stripe_fake.service import Service
from tests.stripe_fake.webhooks import Webhooks

API_KEY = "sk_test_fake"


class StripeFake:
    """One Stripe account and everything that can happen to it.

    `now` freezes its clock and `seed` fixes its ids. `checks_answers` may be off in a long run of
    calls that other tests check: a payment takes 0.3 ms then instead of 7.
    """

    def __init__(
        self,
        *,
        now: datetime | None = None,
        seed: int | None = None,
        api_key: str = API_KEY,
        checks_answers: bool = True,
    ) -> None:
        self.clock = Clock(now)
        self.account = Account(clock=self.clock, seed=seed)
        self.account.settled.append(partial(customer_page.settled_late, self.account))
        self.api_key = api_key
        self.service = Service(self.account, api_key=api_key, checks_answers=checks_answers)
        self.webhooks = Webhooks(self.account, self.service.lock, seed=seed)
        self.faults = Faults()
        self.url = ""
        """Where it listens, once it does."""

    @property
    def broken(self) -> list[str]:
        """Where the fake itself failed; a test that used it must not pass then."""
        return self.service.broken

    def endpoint(self, url: str, *, types: list[str] | None = None) -> Object:
        """Send events of these types, or all, to this address; `secret` signs them."""
        with self.service.lock:
            return snapshot(new_endpoint(self.account, url=url, enabled_events=types or ["*"]))

    def advance(self, **by: float) -> None:
        """Let virtual time pass: `advance(days=3)`."""
        with self.service.lock:
            self.clock.advance(timedelta(**by))

    def checkout(self, session: str, **choices: Any) -> Object:
        """A customer completes, or fails to complete, a Checkout session."""
        with self.service.lock:
            return snapshot(customer_page.checkout_complete(self.account, session, **choices))

    def authenticate(self, intent: str, *, passed: bool = True) -> Object:
        """A customer answers the bank's question."""
        with self.service.lock:
            return snapshot(customer_page.authenticate(self.account, intent, passed=passed))

    def portal_save_card(self, customer: str, payment_method: str = "pm_card_visa") -> Object:
        """A customer saves a card in the portal and makes it the one to pay with."""
        with self.service.lock:
            saved = customer_page.portal_save_card(self.account, customer, payment_method)
            return snapshot(saved)

    def portal_remove_card(self, payment_method: str) -> Object:
        """A customer removes a card in the portal."""
        with self.service.lock:
            found = self.account.find("payment_method", payment_method)
            return snapshot(detach(self.account, found))

    def card_becomes(self, payment_method: str, like: str) -> None:
        """Let a saved payment method behave as another test id from now on."""
        with self.service.lock:
            self.account.methods[payment_method] = METHODS[like]

    def dispute(self, charge: str, *, reason: str = "fraudulent", amount: int = 0) -> Object:
        """A customer disputes a charge, or a part of it."""
        with self.service.lock:
            found = self.account.find("charge", charge)
            return snapshot(open_dispute(self.account, found, reason=reason, amount=amount))

    def dispute_prevent(self, charge: str, *, pays: bool) -> Object:
        """A dispute ends before it begins, the money being given up or not."""
        with self.service.lock:
            found = self.account.find("charge", charge)
            return snapshot(prevent_dispute(self.account, found, pays=pays))

    def dispute_appeal(self, dispute: str, *, answered: bool = True) -> Object:
        """Whoever lost it appeals, and the other side has answered, or has yet to."""
        with self.service.lock:
            found = self.account.find("dispute", dispute)
            return snapshot(appeal_dispute(self.account, found, answered=answered))

    def dispute_close(self, dispute: str, *, won: bool) -> Object:
        """The bank decides."""
        with self.service.lock:
            found = self.account.find("dispute", dispute)
            return snapshot(close_dispute(self.account, found, won=won))

    def all(self, kind: str) -> list[Object]:
        """Every object of a kind, oldest first, as Stripe holds it now."""
        with self.service.lock:
            return snapshot(self.account.all(kind)[::-1])

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back at the end what happens to objects inside the block, and the faults to come."""
        with self.account.undone():
            yield
        self.faults.clear()

    def webhooks_set(self, **knobs: Any) -> None:
        """Turn the knobs of the webhooks: `copies`, `delay`, `order`, `age`, `drop`."""
        if "drop" in knobs:
            self.webhooks.drop(*knobs.pop("drop"))
        for name, value in knobs.items():
            if not hasattr(self.webhooks, name):
                raise ValueError(f"The webhooks have no knob {name}.")
            setattr(self.webhooks, name, value)

    def knobs(self) -> Control:
        """What another process may call."""
        return Control(
            {
                "advance": self.advance,
                "all": self.all,
                "authenticate": self.authenticate,
                "broken": lambda: self.broken,
                "card_becomes": self.card_becomes,
                "checkout": self.checkout,
                "deliver": self.webhooks.deliver,
                "dispute": self.dispute,
                "dispute_appeal": self.dispute_appeal,
                "dispute_close": self.dispute_close,
                "dispute_prevent": self.dispute_prevent,
                "endpoint": self.endpoint,
                "fault": self.faults.add,
                "faults_clear": self.faults.clear,
                "portal_remove_card": self.portal_remove_card,
                "portal_save_card": self.portal_save_card,
                "resend": self.webhooks.resend,
                "webhooks": self.webhooks_set,
            }
        )


@contextmanager
def serving(fake: StripeFake, *, port: int = 0, automatic: bool = False) -> Iterator[StripeFake]:
    """Let the fake listen for the length of the block; `automatic` sends webhooks by itself."""
    # Stripe's description takes seconds to read: nobody's first call waits for that.
    openapi.operation("GET", "/v1/events")
    with Server(fake.service, fake.faults, fake.knobs(), port) as server, _sending(fake, automatic):
        fake.url = server.url
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
    assert fake.broken == [], f"The Stripe fake is wrong: {fake.broken}"


@contextmanager
def _sending(fake: StripeFake, automatic: bool) -> Iterator[None]:
    if not automatic:
        yield
        return
    ended, woken = Event(), Event()
    fake.webhooks.woken = woken.set

    def send() -> None:
        # It also looks by itself, since a retry or a delay falls due without an event.
        while not ended.is_set():
            woken.wait(0.2)
            woken.clear()
            fake.webhooks.deliver()

    thread = Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        woken.set()
        thread.join()


def unchecked() -> str | None:
    """The sentence to say aloud where Stripe's description is absent."""
    return None if present() else ABSENT
