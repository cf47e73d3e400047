"""Webhooks: signed, sent by HTTP, sent again until they are taken; and what can go wrong with that.

Without a knob events arrive once each and in order. Nothing is sent before `deliver` is called,
or `automatic` is on.
"""

import hmac
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from threading import RLock
from typing import Any
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from tests.stripe_fake.account import Account, Object, snapshot
from tests.stripe_fake.resources.webhook_endpoints import SECRET

RETRY_AFTER = (300, 1800, 7200, 18_000, 36_000, 57_600, 57_600, 57_600)
"""Growing waits that fill three days; Stripe says no more of its own than that."""
PATIENCE = 10
TOLERANCE = 300


@dataclass
class Delivery:
    """One attempt that is still to be made."""

    event: Object
    endpoint: Object
    due: float
    attempt: int = 0


class Webhooks:
    """Sends an account's events to its endpoints."""

    def __init__(self, account: Account, lock: RLock, *, seed: int | None = None) -> None:
        self._account = account
        self._lock = lock
        self._random = random.Random(seed)
        self._drops: Callable[[Object], bool] = lambda event: False
        self.copies = 1
        """How many times each event arrives."""
        self.delay = 0
        """Seconds of virtual time that pass before an event is sent."""
        self.order = "as_created"
        """`as_created`, `reversed` or `shuffled`, among those that are due together."""
        self.age = 0
        """Seconds that the signature's time lies back; above 300 the receiver refuses it."""
        self.waiting: list[Delivery] = []
        self._pending: dict[str, set[str]] = {}
        """The endpoints that have not taken an event, by its id."""
        self.woken: Callable[[], None] = lambda: None
        account.listeners.append(self._queue)

    def drop(self, *types: str) -> None:
        """Lose every event of these types from now on; none named loses none any more."""
        self._drops = lambda event: event["type"] in types or "*" in types

    def deliver(self) -> int:
        """Send what is due; what is not taken is due again later. Tells how many were taken."""
        return sum(self._send(each) for each in self._due())

    def resend(self, event_id: str) -> bool:
        """Send an event once more to each endpoint, as the Dashboard does."""
        with self._lock:
            event = self._account.find("event", event_id)
            endpoints = self._endpoints(event)
        taken = [each for each in endpoints if self._post(event, each)]
        with self._lock:
            for each in taken:
                self._taken(event, each)
        return len(taken) == len(endpoints)

    def _queue(self, event: Object) -> None:
        endpoints = self._endpoints(event)
        event["pending_webhooks"] = len(endpoints)
        self._pending[event["id"]] = {each["id"] for each in endpoints}
        if self._drops(event):
            return
        due = self._account.clock.seconds + self.delay
        self.waiting += [
            Delivery(event, endpoint, due) for endpoint in endpoints for _ in range(self.copies)
        ]
        self.woken()

    def _endpoints(self, event: Object) -> list[Object]:
        return [
            each
            for each in self._account.all("webhook_endpoint")
            if each["status"] == "enabled" and {"*", event["type"]} & set(each["enabled_events"])
        ]

    def _due(self) -> list[Delivery]:
        with self._lock:
            self._account.clock.catch_up()
            now = self._account.clock.seconds
            due = [each for each in self.waiting if each.due <= now and self._enabled(each)]
            self.waiting = [each for each in self.waiting if each.due > now]
        if self.order == "reversed":
            due.reverse()
        if self.order == "shuffled":
            self._random.shuffle(due)
        return due

    def _enabled(self, delivery: Delivery) -> bool:
        """An endpoint that is off or gone when its turn comes is not tried again."""
        endpoint = self._account.get("webhook_endpoint", delivery.endpoint["id"])
        return endpoint is not None and endpoint["status"] == "enabled"

    def _send(self, delivery: Delivery) -> bool:
        # The lock is not held: a receiver may ask the fake while it answers.
        taken = self._post(delivery.event, delivery.endpoint)
        with self._lock:
            if taken:
                self._taken(delivery.event, delivery.endpoint)
            elif delivery.attempt < len(RETRY_AFTER):
                delivery.due = self._account.clock.seconds + RETRY_AFTER[delivery.attempt]
                delivery.attempt += 1
                self.waiting.append(delivery)
        return taken

    def _taken(self, event: Object, endpoint: Object) -> None:
        """The event is pending at one endpoint less, however many copies of it come."""
        waiting = self._pending.get(event["id"], set())
        waiting.discard(endpoint["id"])
        event["pending_webhooks"] = len(waiting)

    def _post(self, event: Object, endpoint: Object) -> bool:
        with self._lock:
            body = json.dumps(snapshot(event), indent=2)
        request = Request(
            endpoint["url"],
            data=body.encode(),
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Stripe-Signature": signature(
                    body, endpoint[SECRET], at=int(time.time()) - self.age
                ),
                "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            },
        )
        try:
            with _OPENER.open(request, timeout=PATIENCE) as response:
                return bool(200 <= response.status < 300)
        except (OSError, HTTPException):  # refused, too late, a status above 299, or no HTTP
            return False


class _NoRedirects(HTTPRedirectHandler):
    """An endpoint that answers with another address has not taken the event."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Go nowhere."""


_OPENER = build_opener(ProxyHandler({}), _NoRedirects)


def signature(body: str, secret: str, *, at: int) -> str:
    """The header that says this body was sent by the holder of the secret, at that time.

    The time is the machine's own, whatever the virtual clock says: the receiver compares it so.
    """
    signed = hmac.new(secret.encode(), f"{at}.{body}".encode(), "sha256").hexdigest()
    return f"t={at},v1={signed}"
