"""Redis clients from the one URL. Nothing in Redis may be needed: it carries, it does not keep."""

import functools

import redis
import redis.asyncio
from django.conf import settings


@functools.cache
def redis_client() -> redis.Redis:
    """Return this process's client (its pool is safe across threads), answers as bytes."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=2, health_check_interval=30
    )


def redis_async() -> redis.asyncio.Redis:
    """Return a new asynchronous client; its owner closes it."""
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=30
    )
