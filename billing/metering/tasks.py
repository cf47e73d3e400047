"""Metering's scheduled work."""

from typing import Final

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from billing.metering.services import months_ensure, rollups_advance

_MOST_STEPS: Final = 1000


@task(name="metering.months", queue="default", every=3600.0)
def months() -> None:
    """Make the months ahead."""
    with system_scope("usage months"):
        months_ensure()


@task(name="metering.rollups", queue="default", every=300.0)
def rollups() -> None:
    """Sum the hours that are over, a day per transaction."""
    for _ in range(_MOST_STEPS):
        with system_scope("usage roll-ups"):
            more = rollups_advance(now=clock.now())
        if not more:
            return
