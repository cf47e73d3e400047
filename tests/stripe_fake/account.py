"""The state of one Stripe account: its objects, its events, its time."""

import copy
import json
import random
import string
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.stripe_fake.cards import TestMethod
from tests.stripe_fake.clock import Clock
from tests.stripe_fake.errors import missing
from tests.stripe_fake.forms import Params
from tests.stripe_fake.routing import Call

Object = dict[str, Any]
T = TypeVar("T")
API_VERSION = "2026-10-28.endive"
LETTERS = string.ascii_letters + string.digits


class Account:
    """Everything that calls read and change; one call at a time."""

    def __init__(self, *, clock: Clock, seed: int | None = None) -> None:
        self.clock = clock
        self.call: Call | None = None
        """The call that runs now; None when time alone changes something."""
        self.methods: dict[str, TestMethod] = {}
        """How each payment method behaves, by its id."""
        self.set_up: set[str] = set()
        """Payment methods that were authenticated for use off session."""
        self.spent: set[str] = set()
        """Payment methods that were used without a customer, or detached."""
        self.return_urls: dict[str, str] = {}
        """Where an intent's customer goes after authenticating, by the intent's id."""
        self.settled: list[Callable[[Object], None]] = []
        """Told of payment intents whose bank answered late."""
        self.line_items: dict[str, list[Object]] = {}
        """What is sold in each Checkout session, by the session's id."""
        self.checkout_data: dict[str, Params] = {}
        """`payment_intent_data` of each Checkout session, by the session's id."""
        self.meter_events: list[Object] = []
        self.identifiers: dict[str, int] = {}
        """When each identifier of a meter event was last received."""
        self.listeners: list[Callable[[Object], None]] = []
        self._objects: dict[str, dict[str, Object]] = {}
        self._random = random.Random(seed)

    def new_id(self, prefix: str, length: int = 24) -> str:
        """An id that no other object has, in this account or another."""
        return f"{prefix}_{''.join(self._random.choices(LETTERS, k=length))}"

    def add(self, thing: Object) -> Object:
        """Keep a new object."""
        self._objects.setdefault(thing["object"], {})[thing["id"]] = thing
        return thing

    def remove(self, thing: Object) -> None:
        """Forget an object."""
        del self._objects[thing["object"]][thing["id"]]

    def all(self, kind: str) -> list[Object]:
        """Every object of a kind, newest first."""
        return list(reversed(self._objects.get(kind, {}).values()))

    def get(self, kind: str, wanted: str | None) -> Object | None:
        """An object by its id, if it is there."""
        return self._objects.get(kind, {}).get(wanted or "")

    def find(self, kind: str, wanted: str, *, param: str = "id", status: int = 404) -> Object:
        """An object by its id, or the refusal Stripe gives; what was deleted is not found."""
        found = self.get(kind, wanted)
        if found is None or found.get("deleted"):
            raise missing(kind, wanted, param=param, status=status)
        return found

    def change(self, thing: Object, **changes: Any) -> Object:
        """Change an object; what the changed fields held before is returned, as events tell it."""
        before = {
            name: copy.deepcopy(thing.get(name))
            for name, value in changes.items()
            if thing.get(name) != value
        }
        thing.update(changes)
        return before

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back at the end what happens to objects inside the block."""
        kept = copy.deepcopy(self._objects)
        yield
        self._objects = kept

    def emit(self, type_: str, thing: Object, before: Object | None = None) -> Object:
        """Record an event with the object as it is at this moment."""
        call = self.call
        data = {"object": copy.deepcopy(thing)}
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.clock.seconds,
            "data": data | ({} if before is None else {"previous_attributes": before}),
            "livemode": False,
            "pending_webhooks": 0,
            "request": {
                "id": call.id if call else None,
                "idempotency_key": call.idempotency_key if call else None,
            },
            "type": type_,
        }
        self.add(event)
        for listener in self.listeners:
            listener(event)
        return event

    def later(self, seconds: int, action: Callable[[], object]) -> None:
        """Let something happen once that much time has passed."""
        self.clock.at(self.clock.seconds + seconds, action)


def snapshot(thing: T) -> T:
    """A copy that later changes do not reach, of what JSON can hold alone."""
    copied: T = json.loads(json.dumps(thing))
    return copied


def owned(things: Iterable[Object], **wanted: str | None) -> list[Object]:
    """Those whose fields have the wanted values; a None asks for nothing."""
    asked = {name: value for name, value in wanted.items() if value is not None}
    return [each for each in things if all(each.get(key) == asked[key] for key in asked)]
