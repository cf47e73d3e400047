"""Who calls: what the gateway remembers of keys."""

import asyncio
import gc
import tracemalloc
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from anneal.kernel.errors import AuthenticationFailed, Unavailable
from mlworker.serving.gateway import keys
from mlworker.serving.gateway.keys import KeyDirectory
from tenants.keys.format import key_generate
from tests.unit.conftest import DatabaseClone

HEAD = 60_000
"""Bytes of a header; the web process takes heads up to 64 KB."""


async def asked(directory: KeyDirectory, header: bytes) -> None:
    scope: dict[str, Any] = {"headers": [(b"authorization", header)]}
    with pytest.raises(Unavailable):
        await directory.caller(scope)


def test_a_key_in_ever_longer_headers_takes_no_memory() -> None:
    key = key_generate("live").text.encode()

    async def play() -> int:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool("host=/nowhere", open=False)
        directory = KeyDirectory(pool)
        await asked(directory, b"Bearer " + key)
        tracemalloc.start()
        for more in range(100):
            await asked(directory, b"Bearer " + b" " * (HEAD + more) + key)
        gc.collect()  # of refusals and their traces
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept

    assert asyncio.run(play()) < 10 * HEAD


def test_a_crowd_of_invented_keys_leaves_connections_to_those_who_call(
    database_clone: DatabaseClone,
) -> None:
    """Anybody can write a key whose checksum is right; holds and settlements use the same pool."""

    async def play() -> tuple[int, int, list[object]]:
        async with AsyncConnectionPool[Any](
            database_clone.app_url, min_size=4, max_size=4, open=False
        ) as pool:
            await pool.wait()
            directory = KeyDirectory(pool)
            crowd = asyncio.gather(
                *(directory.caller(_with(key_generate("live").text)) for _ in range(40)),
                return_exceptions=True,
            )
            for _ in range(5):
                await asyncio.sleep(0)
            stats = pool.get_stats()
            return stats["requests_waiting"], stats["pool_available"], list(await crowd)

    waiting, available, refused = asyncio.run(play())

    assert (waiting, available) == (0, 2)
    assert {type(error) for error in refused} == {AuthenticationFailed}
    assert len(refused) == 40


def test_a_look_up_whose_turn_does_not_come_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys, "LOOKUP_SECONDS", 0.05)

    async def play() -> None:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool("host=/nowhere", open=False)
        directory = KeyDirectory(pool)
        for _ in range(keys.LOOKUPS):
            await directory._lookups.acquire()
        await asked(directory, f"Bearer {key_generate('live').text}".encode())

    asyncio.run(play())


def _with(key: str) -> dict[str, Any]:
    return {"headers": [(b"authorization", f"Bearer {key}".encode())]}
