"""A gateway's side of the log: notes answered calls, and writes them a second later.

Nothing of it stands between a call and its answer. Noting costs microseconds in the loop; answers
are made once more, hidden and written in a thread, with a bound on the rows, the memory and the
processor's time of each second. What does not fit is dropped evenly: when the room is full, half of
what waits goes, by lot, and from then on a call is noted with half the chance, until it is written.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.predictions.contracts import LogDayInfo
from mlworker.predictions.rows import KeptRow, row_of
from mlworker.predictions.writing import log_write
from mlworker.serving.listening import AnsweredCall

logger = logging.getLogger(__name__)

WRITE_SECONDS: Final = 1.0
ROWS: Final = 4_000
ROWS_OF_ONE: Final = 1_000
"""Rows that wait of all deployments, and of one: as many as one call may have."""
CHARACTERS: Final = 2_000_000
BUSY_SECONDS: Final = 0.1
BUSY_SECONDS_ALL: Final = 0.4
"""Processor time for the rows of one deployment, and of all; a usual text takes 0.1 ms."""

_draw: Final = random.Random()  # noqa: S311 # which rows are kept is no secret


@dataclass(frozen=True, slots=True)
class Noted:
    """A call that waits to be written."""

    call: AnsweredCall
    at: datetime
    characters: int
    """Of its texts, and the bytes of its answers."""

    @property
    def rows(self) -> int:
        """How many rows it makes."""
        return len(self.call.ids)


@dataclass(slots=True)
class Waiting:
    """What waits of one deployment, and what was counted of it."""

    organization: OrganizationRef
    calls: list[Noted] = field(default_factory=list)
    rows: int = 0
    characters: int = 0
    chance: float = 1.0
    answered: int = 0
    dropped: int = 0

    def add(self, noted: Noted) -> None:
        """Take a call in."""
        self.calls.append(noted)
        self.rows += noted.rows
        self.characters += noted.characters

    def thin(self) -> None:
        """Let half of it go, by lot, and half of what is to come."""
        self.chance /= 2
        before, self.calls = self.rows, [each for each in self.calls if _draw.random() < 0.5]
        self.rows = sum(each.rows for each in self.calls)
        self.characters = sum(each.characters for each in self.calls)
        self.dropped += before - self.rows


Batch = dict[UUID, Waiting]


class Keeper:
    """One gateway process's part of the log."""

    def __init__(self) -> None:
        self._waiting: Batch = {}
        self._rows = self._characters = 0
        self._full: dict[UUID, date] = {}
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prediction-log")

    def answered(self, call: AnsweredCall) -> None:
        """Note a call, if it is one of those to be kept and there is room."""
        waiting = self._waiting.get(call.deployment_id)
        if waiting is None:
            waiting = self._waiting[call.deployment_id] = Waiting(call.organization)
        items = len(call.ids)
        waiting.answered += items
        if int.from_bytes(call.random[8:12]) % 100 >= call.log.percent:
            return
        now = clock.now()
        if self._full.get(call.deployment_id) == now.date() or _draw.random() >= waiting.chance:
            waiting.dropped += items
            return
        noted = Noted(call, now, sum(map(len, call.texts)) + call.answers_size)
        self._change(waiting, lambda: waiting.add(noted))
        while waiting.rows > ROWS_OF_ONE:
            self._change(waiting, waiting.thin)
        while self._rows > ROWS or self._characters > CHARACTERS:
            most = max(self._waiting.values(), key=_weight)
            self._change(most, most.thin)

    def _change(self, waiting: Waiting, change: Callable[[], None]) -> None:
        rows, characters = waiting.rows, waiting.characters
        change()
        self._rows += waiting.rows - rows
        self._characters += waiting.characters - characters

    async def run_forever(self) -> None:
        """Write what was noted, for ever."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Write what was noted; of what cannot be written, the number is kept for the next time."""
        batch, self._waiting = self._waiting, {}
        self._rows = self._characters = 0
        if not batch:
            return
        loop = asyncio.get_running_loop()
        done = await loop.run_in_executor(self._threads, _write, batch)
        today = clock.now().date()
        self._full = {each: day for each, day in self._full.items() if day == today}
        for deployment_id, kept in done.items():
            if kept is None:
                self._count_again(deployment_id, batch[deployment_id])
            elif kept >= settings.ANNEAL_PREDICTION_LOG_ROWS:
                self._full[deployment_id] = today

    def _count_again(self, deployment_id: UUID, lost: Waiting) -> None:
        waiting = self._waiting.setdefault(deployment_id, Waiting(lost.organization))
        waiting.answered += lost.answered
        waiting.dropped += lost.dropped + lost.rows

    async def close(self) -> None:
        """Write the last rows."""
        try:
            await self.write()
        finally:
            self._threads.shutdown(wait=False)


def _weight(waiting: Waiting) -> float:
    return max(waiting.rows / ROWS, waiting.characters / CHARACTERS)


def _write(batch: Batch) -> dict[UUID, int | None]:
    """Write each deployment's rows in a transaction; return how many it has of today.

    None for those whose rows could not be written.
    """
    done: dict[UUID, int | None] = {}
    try:
        ends = time.thread_time() + BUSY_SECONDS_ALL
        # At random, so that none is always last.
        for deployment_id in _draw.sample(list(batch), len(batch)):
            done[deployment_id] = _write_one(deployment_id, batch[deployment_id], ends)
    finally:
        connection.close()  # gives it back to the pool
    return done


def _write_one(deployment_id: UUID, waiting: Waiting, ends: float) -> int | None:
    try:
        rows = _rows_of(waiting, ends)
        counted = LogDayInfo(
            day=clock.now().date(),
            answered=waiting.answered,
            kept=len(rows),
            dropped=waiting.dropped + waiting.rows - len(rows),
        )
        with tenant_scope(waiting.organization):
            return log_write(
                organization=waiting.organization,
                deployment_id=deployment_id,
                rows=rows,
                counted=counted,
            )
    except DatabaseError as error:
        logger.warning("gateway.prediction_log_not_written: %s", error)
    except Exception:  # whatever it is, it is of this deployment's rows alone
        logger.exception("gateway.prediction_log_failed")
    return None


def _rows_of(waiting: Waiting, ends: float) -> list[KeptRow]:
    """Make the rows, as many as there is time for, of calls at random."""
    rows: list[KeptRow] = []
    ends = min(ends, time.thread_time() + BUSY_SECONDS)
    for noted in _draw.sample(waiting.calls, len(waiting.calls)):
        call = noted.call
        for prediction_id, text, found in zip(call.ids, call.texts, call.answers(), strict=True):
            if time.thread_time() > ends:
                return rows
            rows.append(
                row_of(
                    call.log,
                    prediction_id=prediction_id,
                    created_at=noted.at,
                    model=call.model,
                    text=text,
                    found=found,
                )
            )
    return rows
