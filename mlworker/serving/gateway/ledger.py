"""The gateway's two round trips to Postgres: take holds before the work, settle before the answer.

Both go to functions of billing that decide everything under row locks. The first one also asks
again whether each key is still good, so a revoked key fails on its next call even when the push
that should empty the key cache was lost.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
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
from billing.ledger.errors import AccountParked, limit_reached
from mlworker.serving.errors import DeadlineExceeded
from mlworker.serving.gateway.tickets import Replay, Ticket
from mlworker.serving.protocol import Answer

LEDGER_ERRORS: Final = (psycopg.Error, PoolTimeout, OSError)

HOLD_SECONDS: Final = 60
"""Twice the deadline: whoever answers in time settles well before the reaper comes."""
UNIT: Final = "prediction"

_TAKE: Final = (
    "SELECT accepted, code, available, ends_at, response, detail FROM hold_take(%s::jsonb)"
)
_SETTLE: Final = "SELECT code, state FROM hold_settle(%s::jsonb)"
_KEYS: Final = (
    "SELECT digest, k.suspended FROM unnest(%s::text[]) AS digest, key_lookup(digest) AS k"
)

_json: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one ticket's hold: a hold, a stored answer, or a refusal."""

    hold_id: UUID | None = None
    replay: Replay | None = None
    error: DomainError | None = None


@dataclass(slots=True)
class Settlement:
    """A ticket to be charged for its answer, or released when there is none."""

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
        wanted = _json.encode(
            [_request(ticket, hold) for ticket, hold in zip(tickets, holds, strict=True)]
        ).decode()
        async with self._pool.connection() as connection, connection.pipeline():
            taken = await connection.execute(_TAKE, [wanted])
            keys = await connection.execute(_KEYS, [digests]) if digests else None
            rows = await taken.fetchall()
            good = dict(await keys.fetchall()) if keys is not None else {}
        return [
            _outcome(ticket, hold, row, good)
            for ticket, hold, row in zip(tickets, holds, rows, strict=True)
        ]

    async def settle(self, settlements: list[Settlement]) -> None:
        """Charge or release in one transaction; what was refused gets its `error` set."""
        wanted = _json.encode([_settlement(settlement) for settlement in settlements]).decode()
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_SETTLE, [wanted])).fetchall()
        for settlement, (code, state) in zip(settlements, rows, strict=True):
            settlement.error = _settle_error(code, state, settlement.ticket.units)


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
        if ticket.abstains is not None and any(free := ticket.abstains(answer)):
            ticket.charged = wanted["captured"] = ticket.items - sum(free)
            wanted["free"] = free
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
