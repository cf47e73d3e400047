"""Bar `quota`: nothing is sold twice, and a decision is quick.

`quota.oversold`: 200 callers on 8 connections want one account's last 100 units, each taking one
and settling it; the value is the number of units beyond 100. `quota.p99_ms`: 1,000 accounts, one
decision every millisecond (open loop: latency counts from when it was due), 8 connections, each
taking all that waits as a gateway does.
"""

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from anneal.kernel.ids import uuid7
from benchmarks.figures import Figure, figure

CONNECTIONS: Final = 8
LAST_UNITS: Final = 100
CALLERS: Final = 200
ACCOUNTS: Final = 1_000
PER_SECOND: Final = 1_000
SECONDS: Final = 10
WARM_UP: Final = 2
TAKE: Final = "SELECT accepted FROM hold_take(%s::jsonb)"
SETTLE: Final = "SELECT code FROM hold_settle(%s::jsonb)"

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


def quota() -> Iterator[Figure]:
    """Yield the bar's two figures."""
    yield asyncio.run(_oversold())
    yield asyncio.run(_decisions())


async def _connections() -> list[Connection]:
    url = os.environ["DATABASE_URL"]
    made = [psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(CONNECTIONS)]
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
    connections = await _connections()
    organization = await _account(connections[0], LAST_UNITS)
    waiting = deque(range(CALLERS))
    sold = 0

    async def caller(connection: Connection) -> None:
        nonlocal sold
        while waiting:
            waiting.popleft()
            request = _request(organization)
            cursor = await connection.execute(TAKE, [json.dumps([request])])
            if (await cursor.fetchall())[0][0]:
                settlement = {**request, "captured": 1, "ids": [str(uuid7())]}
                await connection.execute(SETTLE, [json.dumps([settlement])])
                sold += 1

    await asyncio.gather(*[caller(connection) for connection in connections])
    for connection in connections:
        await connection.close()
    return {
        "bar": "quota.oversold",
        "value": sold - LAST_UNITS,
        "target": 0,
        "ok": sold == LAST_UNITS,
        "detail": {"callers": CALLERS, "units": LAST_UNITS, "sold": sold},
    }


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
            assert all(accepted for (accepted,) in rows)
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
