"""The ledger's Postgres functions, called on the open scope's connection."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from anneal.kernel import clock


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


def grant_void(*, organization_id: UUID, grant_id: UUID) -> Decimal:
    """Take back what is unspent; return how much."""
    (voided,) = _row("SELECT grant_void(%s, %s, %s)", [organization_id, grant_id, clock.now()])
    return Decimal(voided)


def hold_take(request: dict[str, Any]) -> tuple[str, Decimal, datetime | None]:
    """Return the decision's code, what is available, and when the trial ends."""
    code, available, ends_at = _row(
        "SELECT code, available, ends_at FROM hold_take(%s::jsonb, %s)",
        [_text([request]), clock.now()],
    )
    return code, available, ends_at


def hold_settle(settlement: dict[str, Any]) -> str:
    """Return the code of what became of the settlement."""
    (code,) = _row(
        "SELECT code FROM hold_settle(%s::jsonb, %s)", [_text([settlement]), clock.now()]
    )
    return str(code)


def hold_extend(
    *, organization_id: UUID, hold_id: UUID, ttl_seconds: float, amount: Decimal
) -> tuple[str, Decimal, datetime | None]:
    """Return the decision's code, what is available, and when the trial ends."""
    code, available, ends_at = _row(
        "SELECT code, available, ends_at FROM hold_extend(%s, %s, %s, %s, %s)",
        [organization_id, hold_id, ttl_seconds, amount, clock.now()],
    )
    return code, available, ends_at


def hold_reap(*, most: int) -> int:
    """End holds nobody settled in time; return how many."""
    (reaped,) = _row("SELECT hold_reap(%s, %s)", [most, clock.now()])
    return int(reaped)


def ledger_sweep(*, most: int) -> int:
    """Begin and end grants that are due; return how many balances changed."""
    (swept,) = _row("SELECT ledger_sweep(%s, %s)", [most, clock.now()])
    return int(swept)
