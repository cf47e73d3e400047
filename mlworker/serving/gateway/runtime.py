"""What one gateway process keeps running: its pool, its Redis connections and its loops."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

import psycopg
from django.conf import settings
from psycopg_pool import AsyncConnectionPool

from anneal.kernel.database import database_conninfo
from anneal.kernel.metrics import Gauge
from anneal.kernel.metrics.instruments import Key
from anneal.kernel.metrics.process import CONNECTIONS, WAITING, connections_of, waiting_of
from mlworker.serving.contracts import MODELS_CHANGED_CHANNEL
from mlworker.serving.figures import IN_FLIGHT
from mlworker.serving.gateway.admission import Admission
from mlworker.serving.gateway.broker import BROKER_ERRORS, Broker
from mlworker.serving.gateway.desk import SWEEP_SECONDS, Desk
from mlworker.serving.gateway.keys import KeyDirectory
from mlworker.serving.gateway.ledger import Ledger
from mlworker.serving.gateway.models import ModelDirectory
from mlworker.serving.gateway.pace import Pace
from mlworker.serving.gateway.shadows import Shadows
from mlworker.serving.gateway.tallies import Tallies
from mlworker.serving.gateway.texts import Tokenisers
from mlworker.serving.gateway.tickets import Ticket
from mlworker.serving.listening import AnsweredCall, Listener, listeners_new
from tenants.accounts.contracts import CHANNEL_ORGANIZATIONS
from tenants.keys.contracts import CHANNEL_REVOKED

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5
HURRIED_SECONDS: Final = 0.1
"""How often to look for engines: mostly, and while calls wait for one."""
RETRY_SECONDS: Final = 0.3
DRAIN_SECONDS: Final = 25.0
CLOSE_SECONDS: Final = 3.0
"""How long what was counted and logged last may take to be written when the process ends."""

Watch = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Runtime:
    """Owns everything that lives as long as the process. Parts exist after `ensure_started`."""

    admission: Admission
    broker: Broker
    desk: Desk
    listeners: list[Listener]
    keys: KeyDirectory
    models: ModelDirectory
    pace: Pace
    shadows: Shadows
    tallies: Tallies
    tokenisers: Tokenisers
    _told: Callable[[], None]
    pool: "AsyncConnectionPool[psycopg.AsyncConnection[Any]]"

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._watches: dict[int, Watch] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._touched = 0.0

    async def ensure_started(self) -> None:
        """Start on the first call; a server without lifespan support is served too."""
        if self._tasks:
            return
        self.pool = pool_new()
        self.broker = Broker()
        self.admission = Admission(self.broker.tokens_per_second)
        self.desk = Desk(Ledger(self.pool), self.broker)
        self.keys = KeyDirectory(self.pool)
        self.pace = Pace(self.broker.commands, self.broker.gateway)
        self.models = ModelDirectory()
        self.tokenisers = Tokenisers()
        self.tallies = Tallies()
        self.shadows = Shadows(self.broker, self.tokenisers, self.tallies, self.admission)
        self.listeners = listeners_new()
        loops = (
            self.desk.take_forever,
            self.desk.settle_forever,
            self.pace.ask_forever,
            self.pace.state_forever,
            self.shadows.send_forever,
            self.tallies.flush_forever,
            *(listener.run_forever for listener in self.listeners),
            self._read_answers,
            self._sweep,
            self._look,
            self._listen,
        )
        self._tasks = [asyncio.create_task(_for_ever(loop)) for loop in loops]
        self._told = figures_told(self.desk, self.pool)
        await self.pool.open(wait=False)

    async def stop(self) -> None:
        """Let requests in flight end, then close everything."""
        if not self._tasks:
            return
        end = time.monotonic() + DRAIN_SECONDS
        while self.desk.in_flight and time.monotonic() < end:
            await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._told()
        self.desk.close()
        self.shadows.close()
        await self.pace.close()  # whoever comes after waits for it, and for no write
        for close in (self.tallies.close, *(each.close for each in self.listeners)):
            await _closed(close())
        self.models.close()
        self.tokenisers.close()
        await self.broker.close()
        await self.pool.close(timeout=2)

    def watch(self, ticket: Ticket, receive: Watch) -> None:
        """Remember how to notice that the ticket's client has gone, should it take long."""
        self._watches[ticket.number] = receive

    def unwatch(self, ticket: Ticket) -> None:
        """Forget it: the request is over."""
        self._watches.pop(ticket.number, None)

    def tell(self, call: AnsweredCall) -> None:
        """Tell the listeners of an answered call; a fault of theirs is nobody else's."""
        for listener in self.listeners:
            try:
                listener.answered(call)
            except Exception:
                logger.exception("gateway.listener_failed")

    def touch(self) -> None:
        """Tell trainers, at most once a second, that online calls arrive."""
        now = time.monotonic()
        if now - self._touched > 1.0:
            self._touched = now
            self._spawn(self._touch())

    async def _touch(self) -> None:
        try:
            await self.broker.touch()
        except BROKER_ERRORS:
            logger.debug("gateway.touch_failed")

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(work)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _read_answers(self) -> None:
        while True:
            answers = await self.broker.answers()
            self.desk.answered(answers)
            self.shadows.answered(answers)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.shadows.sweep()
            for ticket in self.desk.sweep():
                receive = self._watches.get(ticket.number)
                if receive is not None:
                    self._spawn(self._until_gone(ticket, receive))

    async def _until_gone(self, ticket: Ticket, receive: Watch) -> None:
        disconnect = asyncio.ensure_future(receive())
        waiting: set[asyncio.Future[Any]] = {disconnect, ticket.future}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not disconnect.done():
            disconnect.cancel()
        elif disconnect.result()["type"] == "http.disconnect":
            self.desk.abandon(ticket)

    async def _look(self) -> None:
        while True:
            if await self.broker.look():
                logger.warning("gateway.redis_emptied")
                await self.desk.send_again()
            if moved := await self.broker.rescue():
                logger.warning("gateway.engine_lost: %d envelopes sent again", moved)
            for base, numbers in self.desk.given_up().items():
                if await self.broker.give_up(base, numbers):
                    self.desk.told(numbers)
            await asyncio.sleep(HURRIED_SECONDS if self.broker.missed else LOOK_SECONDS)

    async def _listen(self) -> None:
        async with self.broker.commands.pubsub() as channel:
            await channel.subscribe(CHANNEL_REVOKED, CHANNEL_ORGANIZATIONS, MODELS_CHANGED_CHANNEL)
            # Whatever was said before this moment was not heard.
            self.keys.forget_all()
            self.models.forget("*")
            async for message in channel.listen():
                if message["type"] == "message":
                    self._heard(message["channel"].decode(), message["data"].decode())

    def _heard(self, channel: str, payload: str) -> None:
        if channel == CHANNEL_REVOKED:
            self.keys.forget_key(payload)
        elif channel == CHANNEL_ORGANIZATIONS:
            self.keys.forget_organization(payload)
        else:
            self.models.forget(payload)


def pool_new() -> "AsyncConnectionPool[psycopg.AsyncConnection[Any]]":
    """Return a gateway's connections to Postgres, not opened yet."""
    return AsyncConnectionPool(
        database_conninfo(settings.DATABASE_URL),
        min_size=2,
        max_size=4,
        timeout=5,
        open=False,
        kwargs={"autocommit": True},
        name="gateway",
    )


def figures_told(
    desk: Desk, pool: "AsyncConnectionPool[psycopg.AsyncConnection[Any]]"
) -> Callable[[], None]:
    """Have a gateway's gauges told from now on; return what ends it."""
    readers: list[tuple[Gauge, Callable[[], Mapping[Key, float]]]] = [
        (IN_FLIGHT, lambda: {(): desk.in_flight}),
        (CONNECTIONS, lambda: connections_of("gateway", pool)),
        (WAITING, lambda: waiting_of("gateway", pool)),
    ]
    for gauge, reader in readers:
        gauge.read_by(reader)

    def end() -> None:
        for gauge, reader in readers:
            gauge.forget(reader)

    return end


async def _closed(closing: Awaitable[None]) -> None:
    """Wait for it, but not for ever: Postgres may be away."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await closing
    except TimeoutError:
        logger.warning("gateway.not_written_at_the_end")


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    """Run a loop again whenever it ends, for instance because Redis went away."""
    while True:
        try:
            await work()
        except BROKER_ERRORS as error:
            logger.warning("gateway.broker_away: %s", error)
        except Exception:
            logger.exception("gateway.loop_failed")
        await asyncio.sleep(RETRY_SECONDS)
