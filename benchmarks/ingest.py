"""Bar `ingest`: usage events per second into Postgres, each counted once.

Batches of 5,000 through `usage_ingest`, as internal meters send them, on two connections. 30 % of
what is sent are duplicates: half of them of the same batch, half of earlier ones, all at another
moment, as retries are. The rate counts every event sent; the figure is ok only when the rows and
the units in the table are exactly those of the distinct events.
"""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import close_old_connections, connection

from anneal.kernel.scopes import system_scope
from benchmarks import django_ready  # noqa: F401 # before any model
from benchmarks.figures import Figure, figure
from benchmarks.organizations import organizations_make
from billing.metering.contracts import UsageEventNew
from billing.metering.services import usage_ingest

EVENTS: Final = 300_000
BATCH: Final = 5_000
DUPLICATES: Final = 0.3
ORGANIZATIONS: Final = 200
CONNECTIONS: Final = 2


def ingest() -> Iterator[Figure]:
    """Yield the bar's figure."""
    sent, distinct = _events()

    def send(batch: int) -> int:
        try:
            with system_scope("bench"):
                return usage_ingest(events=sent[batch : batch + BATCH]).counted
        finally:
            close_old_connections()

    started = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        counted = sum(threads.map(send, range(0, EVENTS, BATCH)))
    seconds = time.perf_counter() - started
    with system_scope("bench"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(units) FROM metering_usageevent WHERE source = 'ingest'"
        )
        rows, units = cursor.fetchone()
    exact = counted == rows == len(distinct) and units == sum(
        (one.units for one in distinct), Decimal(0)
    )
    line = figure(
        "ingest",
        EVENTS / seconds,
        10_000,
        "more",
        sent=EVENTS,
        distinct=len(distinct),
        rows=rows,
        exact=exact,
        seconds=round(seconds, 1),
        batch=BATCH,
        connections=CONNECTIONS,
        load=os.getloadavg()[0],
    )
    line["ok"] = line["ok"] and exact
    yield line


def _events() -> tuple[list[UsageEventNew], list[UsageEventNew]]:
    """Make what is sent, duplicates included, and the events that it should come to."""
    chance = random.Random(7)
    organizations = organizations_make(ORGANIZATIONS)
    began = datetime.now(UTC) - timedelta(hours=3)
    sent: list[UsageEventNew] = []
    distinct: list[UsageEventNew] = []
    for number in range(EVENTS):
        batch = number // BATCH * BATCH
        if distinct and chance.random() < DUPLICATES:
            near = number > batch and chance.random() < 0.5
            one = sent[chance.randrange(batch, number)] if near else chance.choice(distinct)
            at = one.occurred_at + timedelta(seconds=chance.random() * 600)
            sent.append(replace(one, occurred_at=at))
            continue
        distinct.append(
            UsageEventNew(
                organization_id=chance.choice(organizations),
                source="ingest",
                event_id=f"event-{number}",
                meter="prediction",
                units=Decimal(chance.randrange(1, 1_000)),
                occurred_at=began + timedelta(seconds=chance.random() * 7200),
                model=f"model-{number % 20}",
                dims={"tier": "lora"},
            )
        )
        sent.append(distinct[-1])
    return sent, distinct
