"""When a process is idle while work waits, and when nobody is to blame."""

import pytest
from redis.exceptions import ConnectionError as RedisAway

from anneal.kernel.watchdog import LOOKS, Watchdog


def away() -> bool:
    raise RedisAway("refused")


def test_it_ends_after_a_row_of_looks_that_found_work_and_saw_none_taken() -> None:
    watchdog = Watchdog(stuck=lambda: True)

    assert [watchdog.look() for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]


def test_one_taken_task_begins_the_row_again() -> None:
    watchdog = Watchdog(stuck=lambda: True)
    for _ in range(LOOKS - 1):
        watchdog.look()

    watchdog.worked()

    assert [watchdog.look() for _ in range(LOOKS)] == [False] * LOOKS
    assert watchdog.look()


@pytest.mark.parametrize("stuck", [lambda: False, away])
def test_without_work_or_without_redis_the_row_begins_again(stuck: object) -> None:
    told = [lambda: True] * (LOOKS - 1) + [stuck] + [lambda: True] * (LOOKS - 1)
    answers = iter(told)
    watchdog = Watchdog(stuck=lambda: next(answers)())  # type: ignore[operator] # one of the above

    assert not any(watchdog.look() for _ in told)
