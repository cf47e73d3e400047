"""Bar `money_scale`: what a question of money costs with much data, over what with little.

Little is 10 organizations and 10 thousand events. Much is 2,000 organizations and 2 million events,
with `--full` 10,000 and 10 million. Every organization has the same: a grant, and 1,000 events of
10 holds over 30 days, so the ratio shows what the others' rows cost. The little and one more come
from the ledger's own functions, by settlements that Postgres builds; the rest are copies of that
one, summed by the product, and reconcile must find no drift in them. Little and much are two
databases of one server, asked each question by turns, so that what else the machine does slows
both. A cost is the lower quartile, since other work only ever adds. The value is the worst ratio.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from benchmarks import django_ready  # noqa: F401 # before any model
from benchmarks.beside import Database, databases
from benchmarks.copies import organizations_copy
from benchmarks.figures import Figure, figure
from benchmarks.organizations import organizations_make
from billing.ledger.reconcile import drifts_read
from billing.ledger.selectors import balances
from billing.metering.forecast import forecast_read
from billing.metering.selectors import usage_summary
from billing.metering.services import rollups_advance, rollups_drop

LITTLE: Final = 10
MUCH: Final = 2_000
MOST: Final = 10_000
HOLDS: Final = 10
EVENTS: Final = 100  # per hold
TIMES: Final = 200
WARM_UP: Final = 20

Question = Callable[[OrganizationRef], object]


@dataclass(frozen=True, slots=True)
class Side:
    """A database, and whom in it to ask about."""

    database: Database
    organizations: list[OrganizationRef]


_GRANT: Final = (
    "SELECT grant_add(o, 'prediction', 'operator', 1000000000, 50, %s, NULL, 'bench', %s)"
    " FROM unnest(%s::uuid[]) o"
)
_TAKE: Final = """
SELECT count(*) FILTER (WHERE accepted) FROM hold_take((
  SELECT jsonb_agg(jsonb_build_object('organization_id', o, 'hold_id', h, 'unit', 'prediction',
                                      'amount', %s::int, 'ttl_seconds', 600, 'source', 'bench'))
  FROM unnest(%s::uuid[], %s::uuid[]) x (o, h)), %s)
"""
_SETTLE: Final = """
SELECT count(*) FILTER (WHERE code = 'captured') FROM hold_settle((
  SELECT jsonb_agg(jsonb_build_object(
    'organization_id', o, 'hold_id', h, 'captured', %s::int, 'source', 'bench',
    'model', 'm' || n %% 20,
    'occurred_at', %s::timestamptz + n * interval '7 seconds',
    'ids', (SELECT jsonb_agg(anneal_uuid7()) FROM generate_series(1, %s) WHERE h IS NOT NULL)))
  FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY x (o, h, n)), %s)
"""


def money_scale(*, full: bool = False) -> Iterator[Figure]:
    """Yield the bar's figure."""
    began = time.perf_counter()
    much = MOST if full else MUCH
    with databases("anneal_bench_little") as (main, beside):
        with beside.used():
            little = Side(beside, _ready(beside, _load(LITTLE)))
        (original,) = _load(1)
        copies = organizations_make(much - 1)
        organizations_copy(original, copies)
        large = Side(main, _ready(main, [original, *copies]))
        loaded = time.perf_counter() - began
        costs = {name: _costs(ask, little, large) for name, ask in _questions().items()}
    ratios = {name: round(cost[1] / cost[0], 3) for name, cost in costs.items()}
    yield figure(
        "money_scale",
        max(ratios.values()),
        1.2,
        "less",
        ratios=ratios,
        little_ms={name: round(1000 * cost[0], 2) for name, cost in costs.items()},
        much_ms={name: round(1000 * cost[1], 2) for name, cost in costs.items()},
        organizations=[LITTLE, much],
        events=[LITTLE * HOLDS * EVENTS, much * HOLDS * EVENTS],
        load_seconds=round(loaded),
        full=full,
        load=os.getloadavg()[0],
    )


def _load(count: int) -> list[UUID]:
    """Give that many more organizations their rows, by the ledger itself."""
    ids = organizations_make(count)
    now = datetime.now(UTC)
    with system_scope("bench"), connection.cursor() as cursor:
        cursor.execute(_GRANT, [now, now, ids])
    for hold in range(HOLDS):
        _use(ids, now - timedelta(days=3 * hold, hours=2), now)
    return ids


def _ready(database: Database, ids: list[UUID]) -> list[OrganizationRef]:
    """Sum up and tidy; return a thousand of them at most."""
    with system_scope("bench"):
        rollups_drop()  # nobody was told that the copies came late
    _sum_up()
    database.tidy()
    some = random.Random(1).sample(ids, min(1000, len(ids)))
    return [OrganizationRef(each, f"b-{each.hex[2:]}") for each in some]


def _use(organizations: list[UUID], at: datetime, now: datetime) -> None:
    holds = [uuid7() for _ in organizations]
    with system_scope("bench"), connection.cursor() as cursor:
        cursor.execute(_TAKE, [EVENTS, organizations, holds, now])
        taken = cursor.fetchone()
        cursor.execute(_SETTLE, [EVENTS, at, EVENTS, organizations, holds, now])
        if not taken == cursor.fetchone() == (len(organizations),):
            raise RuntimeError("The ledger refused what it should take.")


def _sum_up() -> None:
    more = True
    while more:
        with system_scope("bench"):
            more = rollups_advance(now=clock.now())


def _questions() -> dict[str, Question]:
    return {
        "balance": lambda each: balances(organization=each),
        "usage_page": _usage_page,
        "forecast": lambda each: forecast_read(organization=each),
        "reconcile": _reconcile,
        "take_settle": _take_settle,
    }


def _costs(ask: Question, *sides: Side) -> list[float]:
    """Return what a question costs on each side, in seconds."""
    times: list[list[float]] = [[] for _ in sides]
    for number in range(WARM_UP + TIMES):
        for side, spent in zip(sides, times, strict=True):
            organization = side.organizations[number % len(side.organizations)]
            with side.database.used():
                started = time.perf_counter()
                with tenant_scope(organization):
                    ask(organization)
                spent.append(time.perf_counter() - started)
    return [sorted(spent[WARM_UP:])[TIMES // 4] for spent in times]


def _usage_page(organization: OrganizationRef) -> None:
    now = clock.now()
    usage_summary(organization=organization, start=now - timedelta(days=30), end=now)


def _reconcile(organization: OrganizationRef) -> None:
    if drifts := drifts_read():
        raise RuntimeError(f"The books of {organization.slug} differ: {drifts[:3]}")


def _take_settle(organization: OrganizationRef) -> None:
    hold = {"organization_id": str(organization.id), "hold_id": str(uuid7())}
    taken = hold | {"unit": "prediction", "amount": 1, "ttl_seconds": 60, "source": "bench"}
    settled = hold | {"captured": 1, "source": "bench", "ids": [str(uuid7())]}
    with connection.cursor() as cursor:
        cursor.execute("SELECT code FROM hold_take(%s::jsonb)", [json.dumps([taken])])
        cursor.execute("SELECT code FROM hold_settle(%s::jsonb)", [json.dumps([settled])])
        if cursor.fetchone() != ("captured",):
            raise RuntimeError("A settlement was refused.")
