"""The desk moves tickets through their stages, always a batch at a time.

waiting -> hold (one round trip for all that wait) -> sent to the engine (one LPUSH per base)
-> answered (one list element per engine batch) -> settled (one round trip) -> handed out.

While one round trip is under way the next batch gathers (and longer, see `gathering`), so cost per
request falls as load rises.
Organizations take turns in both queues, and one whose books refuse settlements waits apart: nobody
waits for what another one sends.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from anneal.kernel.errors import Unavailable
from mlworker.serving.errors import DeadlineExceeded, EngineFailed, ModelNotLoaded
from mlworker.serving.fair import BATCH, FairQueue
from mlworker.serving.gateway.broker import BROKER_ERRORS, Broker
from mlworker.serving.gateway.gathering import Gathering, Shares
from mlworker.serving.gateway.http import ClientGone
from mlworker.serving.gateway.ledger import LEDGER_ERRORS, Ledger, Settlement
from mlworker.serving.gateway.tickets import Stage, Ticket
from mlworker.serving.protocol import NOT_LOADED, Answer

logger = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 0.25
SETTLE_RETRY_SECONDS: Final = 0.2
ANSWERED_SECONDS: Final = 30.0
"""How long past its deadline an answer may wait to be charged: until its hold is over."""
AHEAD_TOKENS: Final = 512
"""A lone call up to this size is sent to the engine while its hold is taken."""
TRUSTED: Final = 10_000
"""Organizations remembered for their last hold."""
INLINE_BYTES: Final = 65_536
"""Numbers of an answer that are rendered in the loop: 10 ms at most. A thousand texts of a thousand
labels are 40 MB of JSON and take 0.6 s, for which everybody would wait."""
SICK_RETRY_SECONDS: Final = 5.0
"""How long an organization waits at most before its books are tried again."""
_UNFIT: Final = "gateway.answer_unfit"


class Desk:
    """One gateway process's requests in flight."""

    def __init__(self, ledger: Ledger, broker: Broker) -> None:
        self._ledger, self._broker = ledger, broker
        self._waiting: FairQueue[Ticket] = FairQueue()
        self._settling: FairQueue[Settlement] = FairQueue()
        self._flight: dict[int, Ticket] = {}
        self._orphans: dict[int, Ticket] = {}
        self._untold: dict[int, str] = {}
        self._sick: dict[UUID, list[Settlement]] = {}
        self._nurses: set[asyncio.Task[None]] = set()
        self._reading: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="render")
        self._trusted: dict[UUID, None] = {}
        self._wake_take, self._wake_settle = asyncio.Event(), asyncio.Event()
        self._shares = Shares()
        self._takes, self._settles = Gathering(), Gathering()

    @property
    def in_flight(self) -> int:
        """How many requests wait or run."""
        return len(self._flight)

    def close(self) -> None:
        """Leave what waits apart, or is rendered, to the expiry of its holds."""
        for task in (*self._nurses, *self._reading):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def submit(self, ticket: Ticket) -> None:
        """Queue a ticket for its hold; its future tells the outcome."""
        self._flight[ticket.number] = ticket
        self._shares.enter(ticket.organization_id)
        if self._shares.calm(ticket.organization_id, len(self._flight)):
            self._takes.hurry()
        self._waiting.add(ticket.organization_id, ticket)
        self._wake_take.set()

    def abandon(self, ticket: Ticket) -> None:
        """Give a ticket up, because its client is gone: uncharged unless already answered.

        An engine that has the work hears of it a moment later and drops what it has not begun:
        `orphan` tells when that is over.
        """
        begun = ticket.stage == Stage.SENT or (ticket.ahead and ticket.stage < Stage.SENT)
        if begun and ticket.lengths and ticket.early is None:
            ticket.orphan = asyncio.get_running_loop().create_future()
            self._orphans[ticket.number] = ticket
            self._untold[ticket.number] = ticket.base
        self._refuse(ticket, ClientGone())

    def given_up(self) -> dict[str, list[int]]:
        """Return, by base, the works that engines do not know yet to be dropped.

        A work is among them until `told`, or until it is over: for its deadline at most.
        """
        found: defaultdict[str, list[int]] = defaultdict(list)
        for number, base in self._untold.items():
            found[base].append(number)
        return found

    def told(self, numbers: Iterable[int]) -> None:
        """Engines have heard of these."""
        for number in numbers:
            self._untold.pop(number, None)

    def _orphan_over(self, number: int) -> None:
        self._untold.pop(number, None)
        ticket = self._orphans.pop(number, None)
        if ticket is not None and ticket.orphan is not None:
            ticket.orphan.set_result(None)

    async def take_forever(self) -> None:
        """Hold and send what waits, for ever."""
        while True:
            await self._wake_take.wait()
            await self._takes.wait(len(self._flight))
            batch = self._waiting.batch()
            if not self._waiting:
                self._wake_take.clear()
            wanted = [ticket for ticket in batch if ticket.stage == Stage.WAITING]
            if wanted:
                await self._send_ahead(wanted)
                await self._send(await self._hold(wanted))

    async def _send_ahead(self, wanted: list[Ticket]) -> None:
        """Let the engine begin a lone call whose organization's last hold was taken.

        The hold's round trip is a sixth of such a call's time (measured). Should it be refused,
        the work was for nothing, once: that organization's calls then wait for their holds.
        """
        ticket = wanted[0]
        if len(self._flight) > 1 or ticket.organization_id not in self._trusted:
            return
        if ticket.store is not None or not 0 < sum(ticket.lengths) <= AHEAD_TOKENS:
            return
        ticket.ahead = True
        try:
            await self._broker.send(ticket.base, [ticket.work()])
        except BROKER_ERRORS:
            ticket.ahead = False  # tried again when it is held

    def _trust(self, ticket: Ticket) -> None:
        self._trusted[ticket.organization_id] = None
        if len(self._trusted) > TRUSTED:
            del self._trusted[next(iter(self._trusted))]

    async def _hold(self, tickets: list[Ticket]) -> list[Ticket]:
        try:
            outcomes = await self._ledger.take(tickets)
        except LEDGER_ERRORS as error:
            logger.warning("gateway.hold_failed: %s", error)
            for ticket in tickets:
                self._end(ticket, Unavailable(retry_after=1))
            return []
        held = []
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            ticket.hold_id = outcome.hold_id
            if ticket.stage != Stage.WAITING:  # given up while the hold was taken
                self._release(ticket)
            elif outcome.error is not None:
                self._trusted.pop(ticket.organization_id, None)
                self._refuse(ticket, outcome.error)
            elif outcome.replay is not None:
                self._leave(ticket)
                ticket.finish(outcome.replay)
            else:
                ticket.stage, ticket.held = Stage.HELD, time.time()
                self._trust(ticket)
                held.append(ticket)
        return held

    async def _send(self, tickets: list[Ticket]) -> None:
        by_base: defaultdict[str, list[Ticket]] = defaultdict(list)
        for ticket in tickets:
            ticket.stage = Stage.SENT
            if ticket.ahead:
                self.answered([ticket.early] if ticket.early is not None else [])
            elif ticket.lengths:
                by_base[ticket.base].append(ticket)
            else:  # rules have decided all of it
                self._read(ticket, Answer(ticket.number, 0, b"", 0.0, 0.0))
        for base, group in by_base.items():
            try:
                await self._broker.send(base, [ticket.work() for ticket in group])
            except BROKER_ERRORS as error:
                logger.warning("gateway.send_failed: %s", error)
                for ticket in group:
                    self._refuse(ticket, Unavailable(retry_after=1))

    async def send_again(self) -> None:
        """Send once more what no engine has answered: Redis lost it. Doubles are ignored.

        What was sent ahead and waits for its hold is sent with the others that are held.
        """
        by_base: defaultdict[str, list[Ticket]] = defaultdict(list)
        for ticket in self._flight.values():
            if ticket.ahead and ticket.stage < Stage.SENT:
                ticket.ahead = ticket.early is not None
            if ticket.stage != Stage.SENT or ticket.sent_again:
                continue
            by_base[ticket.base].append(ticket)
        for base, group in by_base.items():
            await self._broker.send(base, [ticket.work() for ticket in group], again=True)
            for ticket in group:
                ticket.sent_again = True

    def answered(self, answers: Iterable[Answer]) -> None:
        """Take an engine's answers; those of unknown or finished requests are doubles."""
        for answer in answers:
            self._orphan_over(answer.number)
            ticket = self._flight.get(answer.number)
            if ticket is not None and ticket.ahead and ticket.stage < Stage.SENT:
                ticket.early = answer
            if ticket is None or ticket.stage != Stage.SENT:
                continue
            if answer.error:
                logger.warning("gateway.engine_error: %s", answer.error)
                cold = answer.cause == NOT_LOADED
                self._refuse(ticket, ModelNotLoaded() if cold else EngineFailed())
                continue
            self._read(ticket, answer)

    def _read(self, ticket: Ticket, answer: Answer) -> None:
        if len(answer.values) > INLINE_BYTES:
            ticket.stage = Stage.READING
            task = asyncio.create_task(self._read_aside(ticket, answer))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
            return
        try:
            ticket.read(answer)
        except Exception:  # whatever it is, it is of this answer alone
            logger.exception(_UNFIT, extra={"model": ticket.model})
            self._refuse(ticket, EngineFailed())
        else:
            self._charge(ticket, answer)

    async def _read_aside(self, ticket: Ticket, answer: Answer) -> None:
        """Read a large answer in a thread."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, ticket.read, answer)
        except Exception:  # as above
            logger.exception(_UNFIT, extra={"model": ticket.model})
            self._refuse(ticket, EngineFailed())
        else:
            if ticket.stage == Stage.READING:  # else it was given up meanwhile
                self._charge(ticket, answer)

    def _charge(self, ticket: Ticket, answer: Answer) -> None:
        ticket.stage, ticket.answered = Stage.ANSWERED, time.time()
        self._settle(Settlement(ticket, answer))

    async def settle_forever(self) -> None:
        """Charge and hand out what was answered, for ever."""
        while True:
            await self._wake_settle.wait()
            await self._settles.wait(len(self._flight))
            batch = self._settling.batch()
            if not self._settling:
                self._wake_settle.clear()
            try:
                refused = await self._ledger.settle(batch)
            except LEDGER_ERRORS as error:
                logger.warning("gateway.settle_failed: %s", error)
                for settlement in self._in_time(batch):
                    self._settle(settlement)
                await asyncio.sleep(SETTLE_RETRY_SECONDS)
            else:
                for organization_id, why in refused.items():
                    self._set_apart(organization_id, why)
                for settlement in batch:
                    if settlement.ticket.organization_id in refused:
                        self._settle(settlement)
                    else:
                        self._hand_out(settlement)

    def _in_time(self, batch: list[Settlement]) -> list[Settlement]:
        """Give up what is over its deadline; a hold nobody settles is released by its expiry."""
        now = time.time()
        for settlement in batch:
            if settlement.ticket.deadline <= now:
                self._end(settlement.ticket, Unavailable(retry_after=1))
        return [each for each in batch if each.ticket.deadline > now]

    def _set_apart(self, organization_id: UUID, why: str) -> None:
        """Settle an organization's tickets alone from now on, until its books allow it again."""
        if organization_id not in self._sick:
            self._sick[organization_id] = []
            nurse = asyncio.create_task(self._nurse(organization_id, why))
            self._nurses.add(nurse)
            nurse.add_done_callback(self._nurses.discard)

    async def _nurse(self, organization_id: UUID, why: str) -> None:
        """Have the account parked, then try its settlements again, ever more slowly."""
        waiting = self._sick[organization_id]
        pause = SETTLE_RETRY_SECONDS
        await self._ledger.fault(organization_id, why)
        while waiting:
            await asyncio.sleep(pause)
            pause = min(2 * pause, SICK_RETRY_SECONDS)
            waiting[:] = self._in_time(waiting)
            batch = waiting[:BATCH]
            try:
                if not batch or await self._ledger.settle(batch):
                    continue
            except LEDGER_ERRORS as error:
                logger.warning("gateway.settle_failed: %s", error)
                continue
            del waiting[: len(batch)]
            for settlement in batch:
                self._hand_out(settlement)
        del self._sick[organization_id]

    def _hand_out(self, settlement: Settlement) -> None:
        ticket = settlement.ticket
        if settlement.answer is None:
            return
        self._leave(ticket)
        if settlement.error is not None:
            ticket.fail(settlement.error)
        else:
            ticket.finish(settlement.answer)

    def sweep(self) -> list[Ticket]:
        """Refuse what is over its deadline; return the slow tickets whose clients to watch."""
        now = time.time()
        for orphan in [each for each in self._orphans.values() if each.deadline < now]:
            self._orphan_over(orphan.number)  # engines begin nothing that is late
        slow = []
        for ticket in list(self._flight.values()):
            if ticket.deadline < now and ticket.stage < Stage.ANSWERED:
                self._refuse(ticket, DeadlineExceeded(retry_after=1))
            elif ticket.deadline + ANSWERED_SECONDS < now:
                self._end(ticket, Unavailable(retry_after=1))
            elif not ticket.watched and now - ticket.created > SWEEP_SECONDS:
                ticket.watched = True
                slow.append(ticket)
        return slow

    def _refuse(self, ticket: Ticket, error: Exception) -> None:
        """End a ticket uncharged. One that was answered already stays on its way to be charged."""
        if ticket.stage >= Stage.ANSWERED:
            return
        self._end(ticket, error)
        self._release(ticket)

    def _release(self, ticket: Ticket) -> None:
        if ticket.hold_id is not None:
            self._settle(Settlement(ticket, None))

    def _settle(self, settlement: Settlement) -> None:
        ticket = settlement.ticket
        sick = self._sick.get(ticket.organization_id)
        if sick is not None:
            sick.append(settlement)
            return
        items = ticket.items if settlement.answer is not None else 1
        if self._shares.calm(ticket.organization_id, len(self._flight)):
            self._settles.hurry()
        self._settling.add(ticket.organization_id, settlement, items=items)
        self._wake_settle.set()

    def _end(self, ticket: Ticket, error: Exception) -> None:
        self._leave(ticket)
        ticket.fail(error)

    def _leave(self, ticket: Ticket) -> None:
        if self._flight.pop(ticket.number, None) is not None:
            self._shares.leave(ticket.organization_id)
