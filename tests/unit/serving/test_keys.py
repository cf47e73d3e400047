"""Who calls: what the gateway remembers of keys."""

import asyncio
import gc
import tracemalloc
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from anneal.kernel.errors import Unavailable
from mlworker.serving.gateway.keys import KeyDirectory
from tenants.keys.format import key_generate

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
