"""Tries that may go wrong only so often, so that nothing is found by guessing.

Counted in Redis, since a refused request leaves nothing in Postgres. So many wrong tries a minute
are told that they are wrong; of those that run beside the last one none learns more than that it is
one too many. Without Redis nothing may be tried: losing it denies and never widens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis.exceptions import RedisError

from anneal.kernel.errors import DomainError, RateLimited, Unavailable
from anneal.kernel.redis import redis_client

_SECONDS: Final = 60

_COUNT: Final = """
local wrong = tonumber(redis.call('GET', KEYS[1]) or '0')
if wrong >= tonumber(ARGV[1]) then return math.max(redis.call('TTL', KEYS[1]), 1) end
if ARGV[3] == '1' and redis.call('INCR', KEYS[1]) == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 0
"""
"""Returns seconds to wait when the minute's tries are used up; else counts one when told to."""


@contextmanager
def wrong_tries_counted(
    key: str, *, wrong: type[DomainError], most: int, message: str, param: str
) -> Iterator[None]:
    """Count ``wrong`` raised inside, for whoever ``key`` names.

    Raises RateLimited with the message and how long to wait, Unavailable.
    """
    _count(key, most, message, param, wrong=False)
    try:
        yield
    except wrong:
        _count(key, most, message, param, wrong=True)
        raise


def _count(key: str, most: int, message: str, param: str, *, wrong: bool) -> None:
    try:
        wait = int(redis_client().eval(_COUNT, 1, f"tries:{key}", most, _SECONDS, int(wrong)))
    except (RedisError, OSError):
        raise Unavailable(retry_after=2) from None
    if wait:
        raise RateLimited(f"{message} Try again in {wait} s.", param=param, retry_after=wait)
