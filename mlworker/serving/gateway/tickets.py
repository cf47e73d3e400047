"""A request on its way: from the hold to the settled answer."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final
from uuid import UUID

from mlworker.serving.protocol import Answer, ModelSpec, Work

DEADLINE_SECONDS: Final = 30.0
"""How long a request may take before it is refused and its hold released."""

number_next: Final = itertools.count(1).__next__
"""Numbers for works: an engine's answers name them."""


class Stage(IntEnum):
    """Where a ticket is."""

    WAITING = 0
    HELD = 1
    SENT = 2
    READING = 3
    """A large answer came and is rendered aside; its client may still give it up."""
    ANSWERED = 4
    DONE = 5


@dataclass(slots=True, frozen=True)
class StoreAs:
    """Under which Idempotency-Key the answer is kept, and for which body."""

    scope: str
    key: str
    request_hash: str


@dataclass(slots=True, frozen=True)
class Replay:
    """The stored answer of an earlier request with the same Idempotency-Key."""

    body: str


@dataclass(slots=True, eq=False)
class Ticket:
    """One request's rows, price and state.

    `future` gives the answer, or raises a DomainError or ClientGone.
    """

    source: str
    organization_id: UUID
    key_digest: str | None
    key_id: UUID | None
    base: str
    model: str
    deployment_id: UUID | None
    spec: ModelSpec
    lengths: list[int]
    tokens: bytes
    event_ids: list[UUID]
    render: Callable[[Answer], bytes]
    store: StoreAs | None = None
    member_id: UUID | None = None
    price_dims: dict[str, str] = field(default_factory=dict)
    """What may choose the price: task, tier, channel."""
    abstains: Callable[[Answer], list[bool]] | None = None
    """Which items got no label and are free for it; None when none can be."""
    by_outcome: bool = False
    """All its items are free now, and paid by an outcome contract for what comes of them."""
    number: int = field(default_factory=number_next)
    created: float = field(default_factory=time.time)
    held: float = 0.0
    answered: float = 0.0
    """When its hold was taken and its answer came."""
    future: "asyncio.Future[Answer | Replay]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    stage: Stage = Stage.WAITING
    hold_id: UUID | None = None
    ahead: bool = False
    """Sent to the engine while its hold is taken; nothing is handed out before both are there."""
    early: Answer | None = None
    """An engine's answer that came before the hold."""
    orphan: "asyncio.Future[None] | None" = None
    """Of one whose client left while an engine had its work: done when that work is over."""
    watched: bool = False
    sent_again: bool = False
    charged: int | None = None
    """How many items the answer is charged for, once that is known."""
    free: list[bool] = field(default_factory=list)
    """Which items are free, once that is known; empty when none is."""
    abstained: list[bool] = field(default_factory=list)
    """Of one paid by outcome, which items got no label; empty when none did."""
    _body: bytes | None = None

    @property
    def items(self) -> int:
        """How many predictions it costs: those that rules decided are some of them."""
        return len(self.event_ids)

    @property
    def units(self) -> int:
        """How many of them are charged; all, until the answer says otherwise."""
        return self.items if self.charged is None else self.charged

    @property
    def deadline(self) -> float:
        """The Unix second at which it is refused."""
        return self.created + DEADLINE_SECONDS

    def read(self, answer: Answer) -> None:
        """Render the answer and find what is free of it. Raises what an unfit answer makes of it.

        Before anything is charged: what cannot be handed out is not to be paid for.
        """
        unsure: list[bool] = []
        if self.abstains is not None and any(free := self.abstains(answer)):
            if len(free) != self.items:
                raise ValueError(f"{len(free)} rows for {self.items} items")
            unsure = free
        if self.by_outcome:
            self.abstained, self.free, self.charged = unsure, [True] * self.items, 0
        elif unsure:
            self.free, self.charged = unsure, self.items - sum(unsure)
        self.body(answer)

    def body(self, answer: Answer) -> bytes:
        """Render the answer once; what is stored for a replay is what is sent."""
        if self._body is None:
            self._body = self.render(answer)
        return self._body

    def work(self) -> Work:
        """Return what the engine gets to see: no text, no name."""
        return Work(
            self.number,
            self.organization_id.bytes,
            self.spec,
            self.deadline,
            self.lengths,
            self.tokens,
        )

    def finish(self, outcome: Answer | Replay) -> None:
        """Hand the answer to the request."""
        self.stage = Stage.DONE
        if not self.future.done():
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Hand a refusal to the request."""
        self.stage = Stage.DONE
        if not self.future.done():
            self.future.set_exception(error)
