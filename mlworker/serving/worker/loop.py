"""The engine's loop: take all that waits, run it in mixed batches, answer, again.

Work-conserving: it never waits to fill a batch. Rows of every organization and model share the
batches; a row whose weights are still on their way steps aside. Chunks of batch predictions run
between the calls, a slice at a time, and only while no call waits.
"""

import logging
import queue
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from redis.exceptions import RedisError

from mlworker.serving import figures
from mlworker.serving.fair import FairQueue
from mlworker.serving.protocol import EMBEDDING_TIER, GIVEN_UP, NO_ROOM, Envelope, ModelSpec
from mlworker.serving.worker.adapters import Adapters, cause_of
from mlworker.serving.worker.backlog import NO_ENTRY, WINDOW_TOKENS, Backlog, Pending, Row
from mlworker.serving.worker.counting import batch_count
from mlworker.serving.worker.leavers import Leavers
from mlworker.serving.worker.line import TAKE_ENVELOPES, TAKE_FEW, Line
from mlworker.serving.worker.spare import Spare

if TYPE_CHECKING:
    from mlworker.engine.inference import Resident

logger = logging.getLogger(__name__)

BATCH_TOKENS: Final = 2_048
BATCH_ROWS: Final = 64
RETRY_SECONDS: Final = 0.2
PARKED_SECONDS: Final = 0.02
LAST_TRIES: Final = 10
LOADS: Final = 16


class Loop:
    """One engine at work on one base."""

    def __init__(
        self, resident: "Resident", adapters: Adapters, line: Line, spare: Spare | None = None
    ) -> None:
        from mlworker.engine.inference import (  # noqa: PLC0415 # imports torch
            TokenRow,
            plan_batches,
        )

        self._resident, self._adapters, self._line = resident, adapters, line
        self._base = resident.base.id
        self._token_row, self._plan = TokenRow, plan_batches
        self._spare = Spare() if spare is None else spare
        self._backlog, self._leavers = Backlog(), Leavers()
        self._parked: defaultdict[str, list[Pending]] = defaultdict(list)
        self._arrived: queue.SimpleQueue[tuple[str, bool, Exception | None]] = queue.SimpleQueue()
        self._wanted: FairQueue[ModelSpec] = FairQueue()
        self._wanted_behind: deque[ModelSpec] = deque()
        self._asked: set[tuple[str, bool]] = set()
        self._loads = 0
        self._open: dict[int, int] = {}
        self._stop: Callable[[], bool] = lambda: False
        self.rows = 0
        """Run for calls and their shadows, as are `tokens`, in `busy_seconds`."""
        self.tokens = 0
        self.busy_seconds = 0.0
        self.shares = False
        """Whether other engines take from the same queue: then none takes more than it needs."""

    @property
    def backlog(self) -> Backlog:
        """What was taken and did not run yet."""
        return self._backlog

    def run(self, stop: Callable[[], bool]) -> None:
        """Work until ``stop`` says so and nothing taken is left."""
        stopping, self._stop = False, stop
        while not stopping or self._open:
            stopping = stopping or stop()
            try:
                if not stopping:
                    self._take()
                self._unpark(wait=bool(self._parked) and not self._backlog)
                if self._backlog:
                    self._run_window(self._backlog.window())
                elif not stopping and not self._parked:
                    self._run_spare()
            except RedisError as error:
                logger.warning("engine.redis_away: %s", error)
                time.sleep(RETRY_SECONDS)
        self._last_answers()

    def _last_answers(self) -> None:
        """Send what is still to be sent; give up when Redis stays away."""
        for _ in range(LAST_TRIES):
            if self._send():
                return
            time.sleep(RETRY_SECONDS)

    def _send(self) -> bool:
        """Send the answers so far; without Redis they are kept for the next try."""
        try:
            self._line.flush()
        except RedisError as error:
            logger.warning("engine.redis_away: %s", error)
            return False
        return True

    def _take(self) -> None:
        idle = not self._backlog and not self._parked
        if idle and self._line.quiet:  # an answer need not wait for it
            self._spare.look(self._line)
        now = time.time()
        block = idle and not self._spare.ready(self._adapters)
        self._accept_all(self._line.take(block=block, most=self._most()), now)
        for pending in [*self._backlog.late(now), *self._parked_late(now)]:
            self._let_go(pending)

    def _most(self) -> int:
        """Return how many envelopes to take: the others' share is left to them."""
        enough = self.shares and self._backlog.tokens >= WINDOW_TOKENS
        return TAKE_FEW if enough else TAKE_ENVELOPES

    def _let_in(self, seen: set[bytes]) -> None:
        """Send what is answered, and run what came meanwhile from organizations not ``seen``.

        So nobody waits for the whole window of those who send much, but for one batch of it.
        """
        if self._stop():
            self._send()
            return
        now = time.time()
        try:
            taken = self._line.take(block=False, most=self._most())
        except RedisError as error:
            logger.warning("engine.redis_away: %s", error)
            return
        self._accept_all(taken, now)
        if rows := self._backlog.newcomers(seen, BATCH_TOKENS, BATCH_ROWS):
            self._run_window(rows, nested=True)

    def _accept_all(self, taken: list[tuple[int, Envelope]], now: float) -> None:
        if names := self._line.given_up():
            self._leavers.add(names)
            self._leave_off()
        for entry, envelope in taken:
            if envelope.works:  # an empty one says that a chunk waits
                self._spare.online_seen = now
            self._accept(entry, envelope, now)

    def _leave_off(self) -> None:
        """Drop what waits here and nobody waits for any more."""

        def left(pending: Pending) -> bool:
            return self._leavers.has(pending.gateway, pending.work.number)

        for waiting in self._parked.values():
            for pending in filter(left, list(waiting)):
                waiting.remove(pending)  # its weights come all the same, and find who asks next
                self._finish(pending, error=GIVEN_UP, cause=GIVEN_UP)
        for pending in self._backlog.drop_where(left):
            self._finish(pending, error=GIVEN_UP, cause=GIVEN_UP)

    def _accept(self, entry: int, envelope: Envelope, now: float) -> None:
        self._open[entry] = 0
        for work in envelope.works:
            if work.deadline < now:
                figures.DROPPED.add(len(work.lengths), self._base, "late")
                continue  # its gateway has refused it already
            pending = Pending(work, envelope.gateway, entry, envelope.sent)
            if self._leavers.has(envelope.gateway, work.number):
                figures.DROPPED.add(len(work.lengths), self._base, GIVEN_UP)
                self._line.answer(envelope.gateway, pending.failure(GIVEN_UP, GIVEN_UP))
                continue
            self._open[entry] += 1
            if work.spec.tier != EMBEDDING_TIER:
                loaded = self._adapters.ready(work.spec)
                figures.ADAPTERS.add(1, self._base, "hit" if loaded else "miss")
            self._queue(pending)
        if not self._open[entry]:
            self._close(entry)

    def _queue(self, pending: Pending) -> None:
        spec = pending.work.spec
        if self._adapters.ready(spec):
            self._backlog.add(pending)
            return
        shadow = pending.work.shadow
        if not self._asked & {(spec.version, False), (spec.version, shadow)}:
            self._asked.add((spec.version, shadow))
            if shadow:
                self._wanted_behind.append(spec)
            else:
                self._wanted.add(UUID(bytes=pending.work.organization), spec)
        self._parked[spec.version].append(pending)
        self._load_next()

    def _parked_late(self, now: float) -> list[Pending]:
        """Forget the shadows that waited too long for a load to begin, and return them."""
        late: list[Pending] = []
        for spec in list(self._wanted_behind):
            waiting = self._parked.pop(spec.version, [])
            kept = [each for each in waiting if not each.work.shadow or each.work.deadline >= now]
            late += [each for each in waiting if each not in kept]
            if kept:
                self._parked[spec.version] = kept
            if not any(each.work.shadow for each in kept):
                self._wanted_behind.remove(spec)
                self._asked.discard((spec.version, True))
        return late

    def _load_next(self) -> None:
        """Ask for weights, a few models at a time: more would push out what was just loaded.

        Organizations take turns. Those of a shadow are asked for when no others are.
        """
        while self._wanted and self._loads < LOADS:
            [spec] = self._wanted.batch(most=1)
            self._loads += 1
            self._adapters.request(spec, partial(self._loaded, spec.version, False))
        if self._wanted_behind and not self._loads:
            spec = self._wanted_behind.popleft()
            self._loads += 1
            self._adapters.request(spec, partial(self._loaded, spec.version, True), shadow=True)

    def _loaded(self, version: str, shadow: bool, error: Exception | None) -> None:
        """Called in the loading thread."""
        self._arrived.put((version, shadow, error))

    def _unpark(self, *, wait: bool) -> None:
        """Queue the works whose weights have come; ``wait`` a moment when there is nothing else."""
        while self._parked:
            try:
                version, shadow, error = self._arrived.get(block=wait, timeout=PARKED_SECONDS)
            except queue.Empty:
                return
            wait = False
            self._loads -= 1
            self._asked.discard((version, shadow))
            now = time.time()
            for pending in self._parked.pop(version, []):
                if pending.work.deadline < now:
                    self._let_go(pending)  # its gateway has refused it already
                elif error is None:
                    self._queue(pending)
                elif shadow and not pending.work.shadow:
                    self._parked[version].append(pending)  # its own load is on its way
                else:
                    self._refuse(pending, error)
            self._load_next()

    def _refuse(self, pending: Pending, error: Exception) -> None:
        cause = cause_of(error)
        expected = pending.work.shadow and cause == NO_ROOM
        logger.log(logging.INFO if expected else logging.ERROR, "engine.load_failed: %r", error)
        self._finish(pending, error=str(error) or repr(error), cause=cause)

    def _run_window(self, rows: list[Row], *, nested: bool = False) -> None:
        """Run rows in batches. A ``nested`` window, let in by another, lets none in itself."""
        models = [row for row in rows if row.pending.work.spec.tier != EMBEDDING_TIER]
        vectors = [row for row in rows if row.pending.work.spec.tier == EMBEDDING_TIER]
        versions = {row.pending.work.spec.version for row in models}
        # What is not loaded any more is not loaded here: it could have no room beside the rest.
        with self._adapters.table.held(sorted(versions)) as slots:
            ready = [row for row in models if row.pending.work.spec.version in slots]
            for place, batch in enumerate(self._batches(ready)):
                self._between(rows, 0 if nested else place)
                self._run_batch(batch, slots, self._resident.forward)
        for place, batch in enumerate(self._batches(vectors)):
            self._between(rows, 0 if nested else place)
            self._run_batch(batch, {}, self._resident.embed)
        self._evicted(row for row in models if row.pending.work.spec.version not in slots)

    def _between(self, rows: list[Row], place: int) -> None:
        """Look up between two batches: what is answered need not wait, nor others' calls."""
        if place == 0:
            self._send()
        else:
            self._let_in({row.pending.work.organization for row in rows})

    def _run_spare(self) -> None:
        """Run the next slice of a batch's chunk: a call that comes now waits for this one."""
        spare = self._spare
        pending = spare.pending
        if pending is None or not spare.ready(self._adapters):
            return
        spec = pending.work.spec
        if spec.tier == EMBEDDING_TIER:
            self._run_batch(spare.slice(), {}, self._resident.embed)
        else:
            with self._adapters.table.held([spec.version]) as slots:
                if spec.version not in slots:
                    return  # evicted this moment: loaded again before the next slice
                self._run_batch(spare.slice(), slots, self._resident.forward)
        if pending.left < 0:  # answered or refused
            spare.drop()

    def _batches(self, rows: list[Row]) -> Iterable[list[Row]]:
        plan = self._plan(
            [len(row.ids) for row in rows], token_budget=BATCH_TOKENS, max_rows=BATCH_ROWS
        )
        return ([rows[index] for index in indices] for indices in plan)

    def _run_batch(
        self,
        rows: list[Row],
        slots: dict[str, int],
        forward: Callable[..., list[list[float]]],
    ) -> None:
        started = time.time()
        clock = time.perf_counter()
        inputs = [
            self._token_row(row.ids, slots.get(row.pending.work.spec.version) or 0) for row in rows
        ]
        try:
            outcomes = forward(inputs)
        except Exception as error:
            logger.exception("engine.batch_failed")
            for pending in {id(row.pending): row.pending for row in rows}.values():
                self._backlog.drop(pending)
                self._finish(pending, error=type(error).__name__)
            return
        seconds = time.perf_counter() - clock
        if rows[0].pending.entry != NO_ENTRY:  # a chunk's slices give way to calls: no load
            self.rows += len(rows)
            self.tokens += sum(len(row.ids) for row in rows)
            self.busy_seconds += seconds
        batch_count(self._base, rows, seconds, BATCH_TOKENS)
        for row, outcome in zip(rows, outcomes, strict=True):
            pending = row.pending
            pending.started = pending.started or started
            pending.values[row.index] = outcome
            pending.left -= 1
        for pending in {id(row.pending): row.pending for row in rows}.values():
            pending.busy += seconds
            if pending.left == 0:
                self._finish(pending)

    def _evicted(self, rows: Iterable[Row]) -> None:
        """Load again what was evicted between its load and its turn: whole works start over."""
        for pending in {id(row.pending): row.pending for row in rows}.values():
            if pending.left < 0:
                continue  # refused, or started over already
            self._backlog.drop(pending)
            pending.left = -1
            self._queue(Pending(pending.work, pending.gateway, pending.entry, pending.sent))

    def _finish(self, pending: Pending, *, error: str = "", cause: str = "") -> None:
        if pending.left < 0:
            return  # refused already, in another batch
        answer = pending.failure(error, cause) if error else pending.answer()
        if error:
            figures.DROPPED.add(len(pending.work.lengths), self._base, cause or "failed")
        pending.left = -1
        self._line.answer(pending.gateway, answer)
        if pending.entry == NO_ENTRY:
            return
        self._open[pending.entry] -= 1
        if not self._open[pending.entry]:
            self._close(pending.entry)

    def _let_go(self, pending: Pending) -> None:
        """Forget a work that is late: nobody waits for its answer."""
        figures.DROPPED.add(pending.left, self._base, "late")
        pending.left = -1
        self._open[pending.entry] -= 1
        if not self._open[pending.entry]:
            self._close(pending.entry)

    def _close(self, entry: int) -> None:
        del self._open[entry]
        self._line.done(entry)
