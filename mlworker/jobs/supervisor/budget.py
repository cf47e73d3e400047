"""How many cores a trainer may use: all of them when nobody is being served, else one less.

A trainer on every core turns a 0.4 ms commit into 2-6 ms (measured), where it cannot step back.
"""

import logging
from typing import Final

import redis

from anneal.kernel.redis import redis_client
from mlworker.engine.contracts import ThreadsCommand
from mlworker.jobs.limits import TRAIN_THREADS

logger = logging.getLogger(__name__)

ACTIVITY_KEY: Final = "serve:last"
"""Set by the gateways for five seconds at each online call."""


def thread_budget() -> ThreadsCommand:
    """Return the present budget. Without Redis nobody knows: then one core is left free."""
    try:
        serving = bool(redis_client().exists(ACTIVITY_KEY))
    except redis.RedisError:
        serving = True
    if not serving:
        return ThreadsCommand(n=TRAIN_THREADS, polite=False)
    return ThreadsCommand(n=max(1, TRAIN_THREADS - 1), polite=True)
