"""Celery beat fed from the tasks' own declarations, without a state file."""

from typing import Any

from celery import signals
from celery.beat import Scheduler

from anneal.kernel.redis import redis_client
from anneal.kernel.tasks import SCHEDULE
from anneal.kernel.watchdog import Watchdog


class RegistryScheduler(Scheduler):  # type: ignore[misc] # Celery ships no types
    """Pokes what ``task(every=...)`` declared. What was last poked when is worth no file."""

    def setup_schedule(self) -> None:
        """Load every task module, then read the registry."""
        self.app.loader.import_default_modules()
        self.merge_inplace({name: dict(entry) for name, entry in SCHEDULE.items()})
        # Something is due each second, so there is always work that waits.
        self.watchdog = Watchdog(stuck=lambda: bool(redis_client().ping()))

    def apply_async(self, *arguments: Any, **options: Any) -> Any:
        """Publish a poke, and note that one went out."""
        published = super().apply_async(*arguments, **options)
        self.watchdog.worked()
        return published


@signals.beat_init.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _watch(sender: Any, **_: object) -> None:
    sender.scheduler.watchdog.start()
