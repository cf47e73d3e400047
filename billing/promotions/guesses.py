"""Wrong codes are limited, so that codes cannot be found by trying.

Counted in Redis, since a refused request leaves nothing in Postgres. Ten tries a minute are told
that they are wrong; of those that run beside the tenth none learns more than that it is one too
many. Without Redis no code is redeemed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis.exceptions import RedisError

from anneal.kernel.errors import RateLimited, Unavailable
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef
from billing.promotions.errors import PromotionUnknown

WRONG_A_MINUTE: Final = 10
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
def wrong_codes_counted(organization: OrganizationRef) -> Iterator[None]:
    """Count a PromotionUnknown raised inside. Raises RateLimited, Unavailable."""
    _count(organization, wrong=False)
    try:
        yield
    except PromotionUnknown:
        _count(organization, wrong=True)
        raise


def _count(organization: OrganizationRef, *, wrong: bool) -> None:
    key = f"promotions:wrong:{organization.id}"
    try:
        wait = int(redis_client().eval(_COUNT, 1, key, WRONG_A_MINUTE, _SECONDS, int(wrong)))
    except (RedisError, OSError):
        raise Unavailable(retry_after=2) from None
    if wait:
        raise RateLimited(
            f"An organization may try {WRONG_A_MINUTE} wrong promotion codes a minute: check the"
            f" code, and try again in {wait} s.",
            param="code",
            retry_after=wait,
        )
