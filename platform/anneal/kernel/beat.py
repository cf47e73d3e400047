"""Celery beat fed from the tasks' own declarations, without a state file."""

from celery.beat import Scheduler

from anneal.kernel.tasks import SCHEDULE


class RegistryScheduler(Scheduler):  # type: ignore[misc] # Celery ships no types
    """Pokes what ``task(every=...)`` declared. What was last poked when is worth no file."""

    def setup_schedule(self) -> None:
        """Load every task module, then read the registry."""
        self.app.loader.import_default_modules()
        self.merge_inplace({name: dict(entry) for name, entry in SCHEDULE.items()})
