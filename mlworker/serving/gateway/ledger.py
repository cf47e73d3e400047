"""The gateway's two round trips to Postgres: take holds before the work, settle before the answer.

Both go to functions of billing that decide everything under row locks. The first one also asks
again whether each key is still good, so a revoked key fails on its next call even when the push
that should empty the key cache was lost.

A batch is one transaction, so an organization whose books contradict themselves makes it fail for
all. Then it is halved by organization until that one is alone, and the others go on.
"""

import asyncio
import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from django.db import connection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from anneal.kernel.errors import (
    AuthenticationFailed,
    DomainError,
    IdempotencyInFlight,
    IdempotencyMismatch,
    OrganizationSuspended,
    QuotaExhausted,
    Unavailable,
)
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import system_scope
from billing.ledger.errors import AccountParked, limit_reached
from billing.ledger.services import books_fault
from billing.outcomes.contracts import PREDICTION_METER
from mlworker.serving.errors import DeadlineExceeded
from mlworker.serving.gateway.tickets import Replay, Ticket
from mlworker.serving.protocol import Answer

LEDGER_ERRORS: Final = (psycopg.Error, PoolTimeout, OSError)
BOOK_ERRORS: Final = (psycopg.DataError, psycopg.IntegrityError, psycopg.InternalError)
"""Postgres is there, and somebody's rows contradict what was asked."""

HOLD_SECONDS: Final = 60
"""Twice the deadline: whoever answers in time settles well before the reaper comes."""
UNIT: Final = "prediction"

TAKE: Final = """
SELECT accepted, code, available, ends_at, response, detail
FROM set_config('synchronous_commit', 'off', true), hold_take(%s::jsonb)
"""
"""Does not wait for the disk. An answer is handed out after its settlement is on it, and what comes
later in Postgres's log is never kept without what came before: a crash that takes a hold takes no
answer that anybody saw."""
_SETTLE: Final = "SELECT code, state FROM hold_settle(%s::jsonb)"
_KEYS: Final = (
    "SELECT digest, k.suspended FROM unnest(%s::text[]) AS digest, key_lookup(digest) AS k"
)

_json: Final = msgspec.json.Encoder()

logger = logging.getLogger(__name__)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one ticket's hold: a hold, a stored answer, or a refusal."""

    hold_id: UUID | None = None
    replay: Replay | None = None
    error: DomainError | None = None


@dataclass(slots=True)
class Settlement:
    """A ticket to be charged for its answer, which it has read, or released when there is none."""

    ticket: Ticket
    answer: Answer | None
    error: DomainError | None = None


class Ledger:
    """Batched calls on the gateway's own connections."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]) -> None:
        self._pool = pool

    async def take(self, tickets: list[Ticket]) -> list[Outcome]:
        """Decide each ticket in order. Raises LEDGER_ERRORS when Postgres is away."""
        digests = list({ticket.key_digest for ticket in tickets if ticket.key_digest})
        holds = [uuid7() for _ in tickets]
        wanted = [_request(ticket, hold) for ticket, hold in zip(tickets, holds, strict=True)]
        refused: dict[UUID, str] = {}
        try:
            async with self._pool.connection() as postgres, postgres.pipeline():
                taken = await postgres.execute(TAKE, [_text(wanted)])
                keys = await postgres.execute(_KEYS, [digests]) if digests else None
                rows: list[Row | None] = [*await taken.fetchall()]
                good = dict(await keys.fetchall()) if keys is not None else {}
        except BOOK_ERRORS:
            rows, refused = await self._apart(TAKE, wanted)
            async with self._pool.connection() as postgres:
                good = dict(await (await postgres.execute(_KEYS, [digests])).fetchall())
        for organization_id, error in refused.items():
            await self.fault(organization_id, error)
        return [
            Outcome(error=Unavailable(retry_after=1))
            if row is None
            else _outcome(ticket, hold, row, good)
            for ticket, hold, row in zip(tickets, holds, rows, strict=True)
        ]

    async def settle(self, settlements: list[Settlement]) -> dict[UUID, str]:
        """Charge or release in one transaction; what was refused gets its `error` set.

        Returns whose books made theirs fail, and how: nothing of these is settled. Raises
        LEDGER_ERRORS when Postgres is away.
        """
        wanted = [_settlement(settlement) for settlement in settlements]
        refused: dict[UUID, str] = {}
        try:
            async with self._pool.connection() as postgres:
                cursor = await postgres.execute(_SETTLE, [_text(wanted)])
                rows: list[Row | None] = [*await cursor.fetchall()]
        except BOOK_ERRORS:
            rows, refused = await self._apart(_SETTLE, wanted)
        for settlement, row in zip(settlements, rows, strict=True):
            if row is not None:
                code, state = row
                settlement.error = _settle_error(code, state, settlement.ticket.units)
        return refused

    async def fault(self, organization_id: UUID, error: str) -> None:
        """Park an account whose books refuse and have the operators told; tried but once."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, _fault, organization_id, error)

    async def _apart(
        self, statement: str, wanted: list[dict[str, Any]]
    ) -> tuple[list[Row | None], dict[UUID, str]]:
        """Ask again by halves; return the rows, None where it failed, and whose books it was."""
        rows: list[Row | None] = [None] * len(wanted)
        places: dict[UUID, list[int]] = {}
        for place, each in enumerate(wanted):
            places.setdefault(each["organization_id"], []).append(place)
        refused: dict[UUID, str] = {}
        # Its failure is known: no need to ask for all once more.
        halves = _halves(list(places)) if len(places) > 1 else [list(places)]
        async with self._pool.connection() as postgres:
            while halves:
                some = halves.pop(0)
                asked = [place for organization in some for place in places[organization]]
                try:
                    cursor = await postgres.execute(
                        statement, [_text([wanted[place] for place in asked])]
                    )
                except BOOK_ERRORS as error:
                    if len(some) == 1:
                        refused[some[0]] = str(error)
                    else:
                        halves += _halves(some)
                else:
                    for place, row in zip(asked, await cursor.fetchall(), strict=True):
                        rows[place] = row
        return rows, refused


def _halves(some: list[UUID]) -> list[list[UUID]]:
    middle = len(some) // 2
    return [some[:middle], some[middle:]]


def _text(wanted: list[dict[str, Any]]) -> str:
    return _json.encode(wanted).decode()


def _fault(organization_id: UUID, error: str) -> None:
    try:
        with system_scope("gateway fault"):
            books_fault(organization_id=organization_id, error=error)
    except Exception:
        logger.exception("gateway.not_parked", extra={"organization": str(organization_id)})
    finally:
        connection.close()  # gives it back to the pool


def _request(ticket: Ticket, hold: UUID) -> dict[str, Any]:
    request: dict[str, Any] = {
        "organization_id": ticket.organization_id,
        "hold_id": hold,
        "unit": UNIT,
        "amount": ticket.items,
        "ttl_seconds": HOLD_SECONDS,
        "source": ticket.source,
        "dims": ticket.price_dims,
    }
    if ticket.key_id is not None:
        request["api_key_id"], request["member_id"] = ticket.key_id, ticket.member_id
    if ticket.store is not None:
        request["call"] = {
            "scope": ticket.store.scope,
            "key": ticket.store.key,
            "hash": ticket.store.request_hash,
        }
    return request


def _outcome(ticket: Ticket, hold: UUID, row: tuple[Any, ...], good: dict[str, bool]) -> Outcome:
    accepted, code, available, ends_at, response, detail = row
    hold_id = hold if accepted and code != "replay" else None
    if ticket.key_digest:
        # The hold of a refused key is given back by the desk.
        if ticket.key_digest not in good:
            return Outcome(hold_id, error=AuthenticationFailed())
        if good[ticket.key_digest]:
            return Outcome(hold_id, error=OrganizationSuspended())
    if code == "replay":
        return Outcome(replay=Replay(response))
    return Outcome(hold_id, error=None if accepted else _refusal(code, available, ends_at, detail))


def _refusal(code: str, available: Any, ends_at: Any, detail: dict[str, Any] | None) -> DomainError:
    match code:
        case "limit_reached" if detail is not None:
            return limit_reached(detail)
        case "account_parked":
            return AccountParked()
        case "quota_exhausted":
            ended = f" The trial ends {ends_at:%Y-%m-%d}." if ends_at is not None else ""
            money = ""
            if detail is not None and detail["needed"] is not None:
                money = (
                    f" The rest would cost up to {detail['needed']} {detail['currency']}, "
                    f"{detail['available']} available."
                )
            return QuotaExhausted(
                f"The balance has {available or Decimal(0):f} predictions left, "
                f"this call needs more.{money}{ended}"
                " Add credit under Billing, or ask the operator of this installation."
            )
        case "in_flight":
            return IdempotencyInFlight(retry_after=1)
        case "mismatch":
            return IdempotencyMismatch(param="Idempotency-Key")
        case "organization_suspended":
            return OrganizationSuspended()
        case "organization_unknown":
            return AuthenticationFailed()
        case _:
            return Unavailable(f"The balance could not be held ({code}): try again.", retry_after=1)


def _settlement(settlement: Settlement) -> dict[str, Any]:
    ticket, answer = settlement.ticket, settlement.answer
    wanted: dict[str, Any] = {
        "hold_id": ticket.hold_id,
        "organization_id": ticket.organization_id,
        "captured": 0,
        "source": ticket.source,
        "model": ticket.model,
        "deployment_id": ticket.deployment_id,
        "api_key_id": ticket.key_id,
    }
    if answer is not None:
        wanted["captured"] = ticket.items
        wanted["ids"] = ticket.event_ids
        wanted["dims"] = {
            "tokens": sum(ticket.lengths),
            "base": ticket.base,
            **ticket.price_dims,
        }
        if ticket.free:
            wanted["captured"], wanted["free"] = ticket.units, ticket.free
        if ticket.by_outcome:
            wanted["free_meter"] = PREDICTION_METER
        if ticket.abstained:
            wanted["item_dims"] = [{"abstained": True} if each else {} for each in ticket.abstained]
        if ticket.store is not None:
            wanted["response"] = ticket.body(answer).decode()
    return wanted


def _settle_error(code: str, state: str, units: int) -> DomainError | None:
    match (code, state):
        case ("captured" | "released", _) | ("duplicate", "captured"):
            return None
        case ("duplicate", "released") if units == 0:  # all items were free: that is no refusal
            return None
        case ("hold_expired" | "duplicate", _):
            return DeadlineExceeded(retry_after=1)
        case _:
            return Unavailable(f"The answer could not be settled ({code}).", retry_after=1)
