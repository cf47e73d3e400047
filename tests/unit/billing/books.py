"""The ledger's functions over a plain connection, as the gateway calls them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg

from anneal.kernel.ids import uuid7
from billing.ledger.checks import CHECKS
from billing.ledger.reconcile import MOST

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass
class Books:
    """One login of the application, acting for one organization and one unit."""

    connection: Connection
    organization_id: UUID
    unit: str = "prediction"

    def organization_add(self) -> None:
        self._in_scope(
            "INSERT INTO accounts_organization (id, created_at, slug, name, kind, suspended_reason)"
            " VALUES (%s, clock_timestamp(), %s, 'Books', 'customer', '')",
            [self.organization_id, f"books-{self.organization_id.hex[-20:]}"],
        )

    def plan_limits_remove(self) -> None:
        """Remove limits that no subscription explains, which others' reconciling would find."""
        self._as_system(
            "UPDATE ledger_spendinglimit SET removed_at = clock_timestamp()"
            " WHERE scope = 'plan' AND removed_at IS NULL RETURNING 1",
            [],
        )

    def grant(
        self,
        amount: Any,
        *,
        source: str,
        now: datetime,
        kind: str = "promotional",
        priority: int = 50,
        effective_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> UUID:
        (row,) = self._in_scope(
            "SELECT grant_id FROM grant_add(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                self.organization_id,
                self.unit,
                kind,
                amount,
                priority,
                effective_at or now,
                expires_at,
                source,
                now,
            ],
        )
        return UUID(str(row[0]))

    def request(self, amount: Any = 1, hold_id: UUID | None = None, **more: Any) -> dict[str, Any]:
        return {
            "organization_id": str(self.organization_id),
            "hold_id": str(hold_id or uuid7()),
            "unit": self.unit,
            "amount": amount,
            "ttl_seconds": 60,
            "source": "test",
            **more,
        }

    def take(
        self, *requests: dict[str, Any], now: datetime | None = None
    ) -> list[tuple[bool, str]]:
        return [(row[0], row[1]) for row in self.take_rows(*requests, now=now)]

    def take_rows(
        self, *requests: dict[str, Any], now: datetime | None = None
    ) -> list[tuple[Any, ...]]:
        """accepted, code, available, ends_at, response"""
        return self._at(
            now,
            "SELECT accepted, code, available, ends_at, response FROM hold_take(%s::jsonb, %s)",
            requests,
        )

    def settlement(
        self, hold: dict[str, Any] | UUID, captured: Any = 0, **more: Any
    ) -> dict[str, Any]:
        hold_id = hold["hold_id"] if isinstance(hold, dict) else str(hold)
        event = {"event_id": f"event-{hold_id}"} if captured and "ids" not in more else {}
        return {
            "organization_id": str(self.organization_id),
            "hold_id": hold_id,
            "captured": captured,
            "source": "test",
            **event,
            **more,
        }

    def settle(
        self, *settlements: dict[str, Any], now: datetime | None = None
    ) -> list[tuple[str, str, Any]]:
        return self._at(
            now, "SELECT code, state, captured FROM hold_settle(%s::jsonb, %s)", settlements
        )

    def extend(
        self, hold_id: str, extra: Any, *, now: datetime, dims: dict[str, str] | None = None
    ) -> str:
        (row,) = self._in_scope(
            "SELECT code FROM hold_extend(%s, %s, 60, %s::numeric, %s, dims => %s::jsonb)",
            [self.organization_id, hold_id, extra, now, json.dumps(dims or {})],
        )
        return str(row[0])

    def refund(
        self, hold: dict[str, Any] | UUID, amount: Any, *, key: str, now: datetime | None = None
    ) -> tuple[Any, ...]:
        """code, units, charge, what is left to refund"""
        hold_id = hold["hold_id"] if isinstance(hold, dict) else str(hold)
        return self._in_scope(
            "SELECT code, units, charge, left_over FROM capture_refund(%s, %s, %s, %s, 'test', %s)",
            [self.organization_id, hold_id, amount, key, now],
        )[0]

    def segment(
        self,
        hold: dict[str, Any],
        captured: Any,
        name: str,
        *,
        now: datetime | None = None,
        **more: Any,
    ) -> tuple[str, str, Any]:
        """Capture one segment of an open hold."""
        part = self.settlement(hold, captured, event_id=name, keep=True, **more)
        return self.settle(part, now=now)[0]

    def limit(
        self,
        amount: Any,
        *,
        window: str = "month",
        unit: str | None = None,
        scope: str = "organization",
        subject_id: UUID | None = None,
        hard: bool = True,
    ) -> UUID:
        """Set a limit, as the service does."""
        limit_id = uuid7()
        with self.connection.transaction():
            self._in_scope("SELECT account_open(%s)", [self.organization_id])
            self._in_scope(
                "INSERT INTO ledger_spendinglimit (id, created_at, organization_id, scope,"
                ' subject_id, unit, "window", amount, hard, alerts)'
                " VALUES (%s, now(), %s, %s, %s, %s, %s, %s, %s, '{50,80,90,100}')",
                [
                    limit_id,
                    self.organization_id,
                    scope,
                    subject_id,
                    unit or self.unit,
                    window,
                    amount,
                    hard,
                ],
            )
        return limit_id

    def park(self, reason: str, *, now: datetime) -> None:
        """Park the account, or free it with an empty reason."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL ROLE anneal_system")
            self.connection.execute(
                "SELECT account_park(%s, %s, %s)", [self.organization_id, reason, now]
            )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read in the organization's scope."""
        return self._in_scope(statement, [])

    def money(self, currency: str = "USD") -> "Books":
        """The same organization's money."""
        return Books(self.connection, self.organization_id, currency)

    def balance(self) -> dict[str, Decimal]:
        """granted, held, consumed, expired, and the rest as available; to the last decimal."""
        rows = self._in_scope(
            "SELECT granted, held, consumed, expired FROM ledger_balance WHERE unit = %s",
            [self.unit],
        )
        granted, held, consumed, expired = rows[0] if rows else [Decimal(0)] * 4
        return {
            "granted": granted,
            "held": held,
            "consumed": consumed,
            "expired": expired,
            "available": granted - held - consumed - expired,
        }

    def usage_of(self, unit: str) -> Decimal:
        return Books(self.connection, self.organization_id, unit).usage()

    def usage(self) -> Decimal:
        rows = self._in_scope(
            "SELECT coalesce(sum(units), 0) FROM metering_usageevent WHERE meter = %s", [self.unit]
        )
        return Decimal(rows[0][0])

    def drift(self) -> list[tuple[Any, ...]]:
        return self._in_scope(CHECKS, [MOST])

    def sweep(self, *, now: datetime) -> int:
        """Begin and end what is due, as the scheduled task does; how many balances changed."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL ROLE anneal_system")
            row = self.connection.execute("SELECT ledger_sweep(1000, %s)", [now]).fetchone()
        return int(row[0]) if row else 0

    def reap(self, *, now: datetime, most: int = 1000) -> None:
        """End holds whose time is over, as the scheduled task does."""
        self._as_system("SELECT hold_reap(%s, %s)", [most, now])

    def hold_age(self, hold_id: str) -> None:
        """Let a hold's time be over."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL ROLE anneal_system")
            self.connection.execute(
                "UPDATE ledger_hold SET expires_at = clock_timestamp() - interval '1 second'"
                " WHERE id = %s",
                [hold_id],
            )
            self.connection.execute("RESET ROLE")

    def _at(
        self, now: datetime | None, statement: str, items: Sequence[dict[str, Any]]
    ) -> list[tuple[Any, ...]]:
        """Call without a scope, as the gateway does; a time of one's choice needs one."""
        values = [json.dumps(items), now]
        if now is None:
            return self.connection.execute(statement, values).fetchall()
        if {one.get("organization_id") for one in items} <= {str(self.organization_id), None}:
            return self._in_scope(statement, values)
        return self._as_system(statement, values)

    def _as_system(self, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with self.connection.transaction():
            self.connection.execute("SET LOCAL ROLE anneal_system")
            rows = self.connection.execute(statement, values).fetchall()
            self.connection.execute("RESET ROLE")
        return rows

    def _in_scope(self, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        with self.connection.transaction():
            self.connection.execute(
                "SELECT set_config('app.organization_id', %s, true)", [str(self.organization_id)]
            )
            cursor = self.connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
