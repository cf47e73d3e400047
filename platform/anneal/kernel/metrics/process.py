"""What every process says of itself: its kind, its memory, its database connections."""

from collections.abc import Mapping
from typing import Final

import psutil
from django.db import connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from anneal.kernel.metrics.instruments import Gauge, Key
from anneal.kernel.metrics.store import publishing_start

PROCESSES: Final = Gauge(
    "anneal_processes", "Processes that published figures in the last seconds.", ("kind",)
)
RESIDENT: Final = Gauge(
    "anneal_process_resident_bytes", "Resident memory of a kind of process.", ("kind",)
)
CONNECTIONS: Final = Gauge(
    "anneal_database_connections",
    "Connections to Postgres in the processes' pools; `busy` are at work.",
    ("pool", "state"),
)
WAITING: Final = Gauge(
    "anneal_database_waiting", "Requests that wait for a connection of a pool.", ("pool",)
)


def figures_publish(kind: str) -> None:
    """Publish this process's figures from now on, as one of ``kind``."""
    if PROCESSES.read:
        return
    process = psutil.Process()
    PROCESSES.read_by(lambda: {(kind,): 1.0})
    RESIDENT.read_by(lambda: {(kind,): float(process.memory_info().rss)})
    CONNECTIONS.read_by(lambda: connections_of("django", _pool()))
    WAITING.read_by(lambda: waiting_of("django", _pool()))
    publishing_start()


def _pool() -> "ConnectionPool | None":
    pool: ConnectionPool | None = getattr(connection, "pool", None)  # Postgres's wrapper has it
    return pool


def connections_of(
    name: str, pool: "ConnectionPool | AsyncConnectionPool | None"
) -> Mapping[Key, float]:
    """Return a pool's connections by state."""
    if pool is None:
        return {}
    stats = pool.get_stats()
    free = stats.get("pool_available", 0)
    return {(name, "free"): free, (name, "busy"): stats.get("pool_size", 0) - free}


def waiting_of(
    name: str, pool: "ConnectionPool | AsyncConnectionPool | None"
) -> Mapping[Key, float]:
    """Return how many wait for one of a pool's connections."""
    return {} if pool is None else {(name,): pool.get_stats().get("requests_waiting", 0)}
