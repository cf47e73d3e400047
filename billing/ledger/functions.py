"""The ledger's Postgres functions, called on the open scope's connection."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from anneal.kernel import clock


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a request for units; ``detail`` says what a refusal lacked.

    Where the request named the most it may cost, it tells ``cost`` and ``currency`` too.
    """

    code: str
    available: Decimal
    ends_at: datetime | None
    """When the trial ends."""
    detail: dict[str, Any] | None


def _row(sql: str, values: list[Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _text(value: Any) -> str:
    return json.dumps(value, default=str)


def grant_add(
    *,
    organization_id: UUID,
    unit: str,
    kind: str,
    amount: Decimal,
    priority: int,
    effective_at: datetime,
    expires_at: datetime | None,
    source: str,
) -> tuple[UUID, bool]:
    """Return the grant's id and whether it is new."""
    grant_id, added = _row(
        "SELECT grant_id, added FROM grant_add(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            organization_id,
            unit,
            kind,
            amount,
            priority,
            effective_at,
            expires_at,
            source,
            clock.now(),
        ],
    )
    return grant_id, added


def grant_void(*, organization_id: UUID, grant_id: UUID, replaced: bool = False) -> Decimal:
    """Take back what is unspent; return how much. ``replaced``: the caller gives anew at once."""
    (voided,) = _row(
        "SELECT grant_void(%s, %s, %s, %s)", [organization_id, grant_id, clock.now(), replaced]
    )
    return Decimal(voided)


def limit_begin(*, organization_id: UUID, limit_id: UUID, fresh: bool) -> None:
    """Let a limit that was set count what its window has used, and tell what is reached."""
    _row("SELECT limit_begin(%s, %s, %s, %s)", [organization_id, limit_id, fresh, clock.now()])


def hold_take(request: dict[str, Any]) -> Decision:
    """Decide one request."""
    return _decision(
        "SELECT code, available, ends_at, detail FROM hold_take(%s::jsonb, %s)",
        [_text([request]), clock.now()],
    )


def hold_settle(settlement: dict[str, Any]) -> str:
    """Return the code of what became of the settlement."""
    (code,) = _row(
        "SELECT code FROM hold_settle(%s::jsonb, %s)", [_text([settlement]), clock.now()]
    )
    return str(code)


def holds_take(requests: list[dict[str, Any]]) -> list[str]:
    """Decide many requests; return their codes, in order."""
    return _codes("SELECT code FROM hold_take(%s::jsonb, %s) ORDER BY item", requests)


def holds_settle(settlements: list[dict[str, Any]]) -> list[str]:
    """Settle many holds; return their codes, in order."""
    return _codes("SELECT code FROM hold_settle(%s::jsonb, %s) ORDER BY item", settlements)


def hold_extend(
    *,
    organization_id: UUID,
    hold_id: UUID,
    ttl_seconds: float,
    amount: Decimal,
    api_key_id: UUID | None,
    member_id: UUID | None,
    dims: dict[str, str] | None,
    most: Decimal | None,
) -> Decision:
    """Decide whether a hold may go on, and take more."""
    return _decision(
        "SELECT code, available, ends_at, detail"
        " FROM hold_extend(%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s)",
        [
            organization_id,
            hold_id,
            ttl_seconds,
            amount,
            clock.now(),
            api_key_id,
            member_id,
            _text(dims) if dims else None,
            most,
        ],
    )


def capture_refund(
    *, organization_id: UUID, hold_id: UUID, amount: Decimal, key: str, reason: str
) -> tuple[str, UUID, Decimal, Decimal, Decimal]:
    """Return the code, the refund's id, its units and money, and what may still be refunded."""
    code, refund_id, units, charge, left = _row(
        "SELECT code, refund_id, units, charge, left_over"
        " FROM capture_refund(%s, %s, %s, %s, %s, %s)",
        [organization_id, hold_id, amount, key, reason, clock.now()],
    )
    return code, refund_id, units, charge, left


def account_open(*, organization_id: UUID) -> None:
    """Make sure there is an account row, and lock it."""
    _row("SELECT account_open(%s)", [organization_id])


def account_park(*, organization_id: UUID, reason: str) -> bool:
    """Park, or free with an empty reason; say whether that changed anything."""
    (changed,) = _row("SELECT account_park(%s, %s, %s)", [organization_id, reason, clock.now()])
    return bool(changed)


def account_notice(*, organization_id: UUID, rule: str, subject: str, at: datetime) -> None:
    """Tell an organization once what became of its plan ``subject``; ``rule`` is `plan:...`."""
    _row(
        "SELECT account_notice(%s, %s, %s, %s, %s)",
        [organization_id, rule, subject, at, clock.now()],
    )


def hold_reap(*, most: int) -> int:
    """End holds nobody settled in time; return how many."""
    (reaped,) = _row("SELECT hold_reap(%s, %s)", [most, clock.now()])
    return int(reaped)


def ledger_sweep(*, most: int, only_of: UUID | None = None) -> int:
    """Begin and end grants that are due, of all or of one; return how many balances changed."""
    (swept,) = _row("SELECT ledger_sweep(%s, %s, %s)", [most, clock.now(), only_of])
    return int(swept)


def calls_forget(*, most: int) -> int:
    """Forget kept answers whose day is over; return how many."""
    (forgotten,) = _row("SELECT calls_forget(%s)", [most])
    return int(forgotten)


def _codes(sql: str, items: list[dict[str, Any]]) -> list[str]:
    if not items:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, [_text(items), clock.now()])
        return [code for (code,) in cursor.fetchall()]


def _decision(sql: str, values: list[Any]) -> Decision:
    code, available, ends_at, detail = _row(sql, values)
    found = json.loads(detail) if isinstance(detail, str) else detail
    return Decision(code, available, ends_at, found)
