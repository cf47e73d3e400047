"""Django's cache on Redis, for rate limits: when Redis is away a counter is not a fault page."""

from django.core.cache.backends.redis import RedisCache as DjangoRedisCache


class RedisCache(DjangoRedisCache):
    """The Redis cache of Django, under the product's own key prefix."""

    def make_key(self, key: str, version: int | None = None) -> str:
        """Prefix the key, so that the lists and locks beside it cannot meet it."""
        return f"cache:{super().make_key(key, version)}"
