"""Bar `quota`: nothing is sold twice, and a decision is quick.

`quota.oversold`: 200 sessions of Postgres want one account's last 100 units at the same moment,
each taking one and settling it; the value is how many units beyond 100 the ledger booked, and it
is ok only when holds, lines, events and balance say the same hundred. `quota.p99_ms`: 1,000
accounts, one decision every millisecond (open loop: latency counts from when it was due), 8
connections, each taking all that waits by the gateway's own statement.
"""

import asyncio
import json
import os
import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from anneal.kernel.ids import uuid7
from benchmarks import django_ready  # noqa: F401 # before the gateway's ledger, which has models
from benchmarks.figures import Figure, figure
from mlworker.serving.gateway.ledger import TAKE

CONNECTIONS: Final = 8
LAST_UNITS: Final = 100
WORKERS: Final = 200
REFUSED: Final = WORKERS - LAST_UNITS
ACCOUNTS: Final = 1_000
PER_SECOND: Final = 1_000
SECONDS: Final = 10
WARM_UP: Final = 2
SETTLE: Final = "SELECT code FROM hold_settle(%s::jsonb)"
_BOOKED: Final = """
SELECT (SELECT coalesce(sum(amount), 0) FROM ledger_ledgerentry
        WHERE organization_id = %(id)s AND account = 'revenue'),
       (SELECT count(*) FROM ledger_ledgerentry
        WHERE organization_id = %(id)s AND account = 'revenue'),
       count(*) FILTER (WHERE h.state = 'captured' AND h.captured = 1),
       count(*) FILTER (WHERE h.state = 'held'),
       (SELECT count(*) FROM metering_usageevent WHERE organization_id = %(id)s),
       (SELECT consumed FROM ledger_balance WHERE organization_id = %(id)s)
FROM ledger_hold h WHERE h.organization_id = %(id)s
"""

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


def quota() -> Iterator[Figure]:
    """Yield the bar's two figures."""
    yield asyncio.run(_oversold())
    yield asyncio.run(_decisions())


async def _connections(count: int = CONNECTIONS) -> list[Connection]:
    url = os.environ["DATABASE_URL"]
    made = [psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(count)]
    return list(await asyncio.gather(*made))


async def _account(connection: Connection, units: int) -> UUID:
    organization = uuid7()
    async with connection.transaction():
        await connection.execute(
            "SELECT set_config('app.organization_id', %s, true)", [str(organization)]
        )
        await connection.execute(
            "INSERT INTO accounts_organization (id, created_at, slug, name, kind, suspended_reason)"
            " VALUES (%s, clock_timestamp(), %s, 'Bench', 'customer', '')",
            [organization, f"bench-{organization.hex[-20:]}"],
        )
        await connection.execute(
            "SELECT grant_add(%s, 'prediction', 'operator', %s, 50, %s, NULL, 'bench', %s)",
            [organization, units, *[datetime.now(UTC)] * 2],
        )
    return organization


def _request(organization: UUID) -> dict[str, Any]:
    return {
        "organization_id": str(organization),
        "hold_id": str(uuid7()),
        "unit": "prediction",
        "amount": 1,
        "ttl_seconds": 60,
        "source": "bench",
    }


async def _oversold() -> Figure:
    connections = await _connections(WORKERS)
    organization = await _account(connections[0], LAST_UNITS)
    together = asyncio.Barrier(WORKERS)

    async def worker(connection: Connection) -> str:
        request = _request(organization)
        await together.wait()
        cursor = await connection.execute(TAKE, [json.dumps([request])])
        ((accepted, code, *_),) = await cursor.fetchall()
        if accepted:
            settlement = {**request, "captured": 1, "ids": [str(uuid7())]}
            cursor = await connection.execute(SETTLE, [json.dumps([settlement])])
            ((code,),) = await cursor.fetchall()
        return str(code)

    codes = Counter(await asyncio.gather(*[worker(connection) for connection in connections]))
    for connection in connections:
        await connection.close()
    booked = await _booked(organization)
    exact = dict.fromkeys(booked, LAST_UNITS) | {"open_holds": 0}
    return {
        "bar": "quota.oversold",
        "value": booked["revenue"] - LAST_UNITS,
        "target": 0,
        "ok": booked == exact and codes == {"captured": LAST_UNITS, "quota_exhausted": REFUSED},
        "detail": {"sessions": WORKERS, "units": LAST_UNITS, "told": codes, "booked": booked},
    }


async def _booked(organization: UUID) -> dict[str, int]:
    """Read what Postgres kept of it."""
    url = os.environ["DATABASE_OWNER_URL"]
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("SET ROLE anneal_system")  # row level security binds the owner
        (row,) = await (await connection.execute(_BOOKED, {"id": organization})).fetchall()
    names = ("revenue", "lines", "captured_holds", "open_holds", "events", "consumed")
    return {name: int(number) for name, number in zip(names, row, strict=True)}


async def _decisions() -> Figure:
    connections = await _connections()
    accounts = [await _account(connections[n % CONNECTIONS], 10**9) for n in range(ACCOUNTS)]
    due: deque[tuple[float, UUID]] = deque()
    wake = asyncio.Semaphore(0)
    latencies: list[float] = []
    done = False

    async def gateway(connection: Connection) -> None:
        while True:
            await wake.acquire()
            if done and not due:
                return
            batch = [due.popleft() for _ in range(min(64, len(due)))]
            if not batch:
                continue
            requests = [_request(account) for _, account in batch]
            cursor = await connection.execute(TAKE, [json.dumps(requests)])
            rows = await cursor.fetchall()
            assert all(accepted for accepted, *_ in rows)
            ended = time.perf_counter()
            latencies.extend(ended - at for at, _ in batch)

    gateways = [asyncio.create_task(gateway(connection)) for connection in connections]
    started = time.perf_counter()
    for number in range(PER_SECOND * (WARM_UP + SECONDS)):
        at = started + number / PER_SECOND
        if (pause := at - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        due.append((at, accounts[number * 7919 % ACCOUNTS]))
        wake.release()
    done = True
    for _ in gateways:
        wake.release()
    await asyncio.gather(*gateways)
    for connection in connections:
        await connection.close()
    measured = sorted(1000 * each for each in latencies[PER_SECOND * WARM_UP :])
    p50, p99 = (measured[int(len(measured) * share)] for share in (0.5, 0.99))
    return figure(
        "quota.p99_ms",
        p99,
        5,
        "less",
        p50_ms=round(p50, 2),
        decisions=len(measured),
        accounts=ACCOUNTS,
        load=os.getloadavg()[0],
    )
