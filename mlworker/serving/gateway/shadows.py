"""Shadows: rows that were answered are given to a second model too, and the two are compared.

Nothing of it stands between a call and its answer: a shadow is offered when the answer has left,
costs no round trip of its own to Postgres, is charged to nobody, runs behind all others in the
engine, and is dropped where the installation is busy.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from anneal.kernel.scopes import OrganizationRef
from mlworker.serving.errors import Overloaded
from mlworker.serving.figures import SHADOWS
from mlworker.serving.gateway.admission import Admission
from mlworker.serving.gateway.answers import Sources, rows_of
from mlworker.serving.gateway.broker import BROKER_ERRORS, Broker
from mlworker.serving.gateway.comparing import Said, row_compare
from mlworker.serving.gateway.models import Choice, Target
from mlworker.serving.gateway.tallies import Tallies
from mlworker.serving.gateway.texts import Tokenisers, Tokens, sources_of
from mlworker.serving.gateway.tickets import number_next
from mlworker.serving.models import Side
from mlworker.serving.protocol import NO_ROOM, Answer, Work
from mlworker.serving.tallying import Tally, TallyKey

logger = logging.getLogger(__name__)

SHADOW_SECONDS: Final = 5.0
"""A shadow that has not run by then is dropped."""
MOST_FLIGHTS: Final = 64
MOST_ROWS: Final = 2_000
"""What this process lets shadows keep in memory, here and in the engine."""
BUSY_MS: Final = 100.0
"""An answer that waited so long in the queue says that the engine has no time to spare."""
ROWS_AT_ONCE: Final = 64

_NONE: Final = repeat(None)


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that the main model has answered."""

    organization: OrganizationRef
    target: Target
    tokens: Tokens
    answer: Answer
    sources: Sources


@dataclass(slots=True, eq=False)
class Flight:
    """A shadow under way. Texts are kept until they are cut into tokens, or by ``sources``."""

    answered: Answered
    shadow: Choice
    number: int
    ends: float
    texts: list[str]
    sources: Sources = None

    @property
    def rows(self) -> int:
        """How many texts it answers."""
        return len(self.answered.tokens.lengths)


class Shadows:
    """One gateway process's shadows."""

    def __init__(
        self, broker: Broker, tokenisers: Tokenisers, tallies: Tallies, admission: Admission
    ) -> None:
        self._broker, self._tokenisers, self._tallies = broker, tokenisers, tallies
        self._admission = admission
        self._flights: dict[int, Flight] = {}
        self._outgoing: defaultdict[str, list[Work]] = defaultdict(list)
        self._wake = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """How many are under way."""
        return len(self._flights)

    def offer(self, answered: Answered, texts: list[str], random: bytes) -> None:
        """Give an answered call to the shadow, if its turn has come and there is time for it."""
        target = answered.target
        shadow = target.shadow
        if shadow is None or int.from_bytes(random[4:8]) % 100 >= target.shadow_percent:
            return
        rows = len(answered.tokens.lengths)
        if not rows:
            return
        kept = sum(flight.rows for flight in self._flights.values())
        if (
            len(self._flights) >= MOST_FLIGHTS
            or kept + rows > MOST_ROWS
            or answered.answer.queue_ms > BUSY_MS
        ):
            self._tally(answered, shadow).skipped += 1
            SHADOWS.add(1, "skipped")
            return
        ends = time.time() + SHADOW_SECONDS
        flight = Flight(answered, shadow, number_next(), ends, texts)
        self._flights[flight.number] = flight
        self._spawn(flight)

    def _spawn(self, flight: Flight, answer: Answer | None = None) -> None:
        task = asyncio.create_task(self._guarded(flight, answer))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _guarded(self, flight: Flight, answer: Answer | None) -> None:
        """Send a shadow, or compare its answer; a fault of either is its own."""
        try:
            if answer is None:
                await self._send(flight)
            else:
                await self._compare(flight, answer)
        except Exception:
            logger.exception("gateway.shadow_failed")
            self._flights.pop(flight.number, None)
            self._tally(flight.answered, flight.shadow).failed += 1
            SHADOWS.add(1, "failed")

    async def _send(self, flight: Flight) -> None:
        answered, servable = flight.answered, flight.shadow.servable
        try:
            tokens = await self._tokens(flight)
        except Overloaded:
            self._drop(flight)
            return
        flight.sources, flight.texts = sources_of(flight.texts, tokens), []
        if not self._broker.served(servable.base):
            self._broker.want(servable.base)
            self._drop(flight)
            return
        self._outgoing[servable.base].append(
            Work(
                flight.number,
                answered.organization.id.bytes,
                flight.shadow.spec,
                flight.ends,
                tokens.lengths,
                tokens.packed,
                shadow=True,
            )
        )
        self._wake.set()

    async def _tokens(self, flight: Flight) -> Tokens:
        """Return the texts as the shadow reads them. Overloaded while calls' texts are read."""
        tokens, servable = flight.answered.tokens, flight.shadow.servable
        main = flight.answered.target.main.servable
        if (servable.base, servable.max_length) == (main.base, main.max_length):
            return tokens
        of = flight.answered.organization.id
        with self._admission.room_to_read(of, flight.texts, behind=True):
            return await self._tokenisers.encode(
                servable.base, servable.max_length, flight.texts, words=bool(tokens.encoded)
            )

    async def send_forever(self) -> None:
        """Send what is offered, all that gathered during the last round trip together, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            outgoing, self._outgoing = self._outgoing, defaultdict(list)
            for base, works in outgoing.items():
                try:
                    await self._broker.send(base, works)
                except BROKER_ERRORS:
                    for work in works:
                        if flight := self._flights.get(work.number):
                            self._drop(flight)

    def answered(self, answers: Iterable[Answer]) -> None:
        """Take those of an engine's answers that are of shadows."""
        for answer in answers:
            flight = self._flights.pop(answer.number, None)
            if flight is not None:
                self._spawn(flight, answer)

    async def _compare(self, flight: Flight, answer: Answer) -> None:
        answered = flight.answered
        tally = self._tally(answered, flight.shadow)
        if answer.error:
            logger.warning("gateway.shadow_error: %s", answer.error)
            tally.skipped += answer.cause == NO_ROOM
            tally.failed += answer.cause != NO_ROOM
            SHADOWS.add(1, "skipped" if answer.cause == NO_ROOM else "failed")
            return
        main = answered.target.main.servable
        shadow = flight.shadow.servable
        pairs = list(zip(rows_of(answered.answer), rows_of(answer), strict=True))
        if len(pairs) != flight.rows:
            raise ValueError(f"{len(pairs)} rows for {flight.rows} texts")
        tally.answered(flight.rows, answer.inference_ms)
        SHADOWS.add(1, "compared")
        sources = zip(answered.sources or _NONE, flight.sources or _NONE, strict=False)
        for number, ((before, after), (of_main, of_shadow)) in enumerate(
            zip(pairs, sources, strict=False), 1
        ):
            row_compare(
                tally,
                main.task,
                Said(before, main.labels, of_main),
                Said(after, shadow.labels, of_shadow),
            )
            if not number % ROWS_AT_ONCE:
                await asyncio.sleep(0)  # calls go first
                tally = self._tally(answered, flight.shadow)

    def sweep(self) -> None:
        """Give up what is over its time."""
        now = time.time()
        for flight in [each for each in self._flights.values() if each.ends < now]:
            self._drop(flight)

    def close(self) -> None:
        """Leave what is under way."""
        for task in self._busy:
            task.cancel()

    def _drop(self, flight: Flight) -> None:
        if self._flights.pop(flight.number, None) is not None:
            self._tally(flight.answered, flight.shadow).skipped += 1
            SHADOWS.add(1, "skipped")

    def _tally(self, answered: Answered, shadow: Choice) -> Tally:
        return self._tallies.of(
            answered.organization, tally_key(answered.target, Side.SHADOW, shadow)
        )


def tally_key(target: Target, side: Side, choice: Choice) -> TallyKey:
    """Return whose figures a call of a compared deployment belongs to."""
    if target.deployment_id is None:
        raise ValueError("only deployments are compared")
    return TallyKey(target.deployment_id, target.compared_since, side, choice.servable.name)
