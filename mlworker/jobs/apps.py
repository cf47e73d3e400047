"""Django's view of the jobs, and what they listen to."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Fine-tuning jobs."""

    name = "mlworker.jobs"
    label = "jobs"
    verbose_name = "Fine-tuning jobs"

    def ready(self) -> None:
        """Subscribe to what concerns running jobs, and to the worker's wish to stop."""
        from celery.signals import worker_shutting_down  # noqa: PLC0415 # apps are ready only now

        from anneal.kernel.events import (  # noqa: PLC0415 # apps are ready only now
            DatasetDeleting,
            OrganizationSuspended,
            subscribe,
        )
        from mlworker.jobs import (  # noqa: PLC0415 # apps are ready only now
            listeners,
            public_events,
        )
        from mlworker.registry.contracts import (  # noqa: PLC0415 # apps are ready only now
            ModelVersionDeleting,
        )

        subscribe(DatasetDeleting, listeners.dataset_guard)
        subscribe(OrganizationSuspended, listeners.jobs_pause)
        subscribe(ModelVersionDeleting, listeners.model_guard)
        public_events.register()
        worker_shutting_down.connect(listeners.worker_drain, weak=False)
