"""Django's view of batches, and what they listen to."""

from django.apps import AppConfig


class BatchesConfig(AppConfig):
    """Batch predictions."""

    name = "mlworker.batches"
    label = "batches"
    verbose_name = "Batch predictions"

    def ready(self) -> None:
        """Subscribe to what concerns open batches, and to the worker's wish to stop."""
        from celery.signals import worker_shutting_down  # noqa: PLC0415 # apps are ready only now

        from anneal.kernel.events import (  # noqa: PLC0415 # apps are ready only now
            OrganizationSuspended,
            subscribe,
        )
        from mlworker.batches import (  # noqa: PLC0415 # apps are ready only now
            listeners,
            public_events,
        )
        from mlworker.registry.contracts import (  # noqa: PLC0415 # apps are ready only now
            ModelVersionDeleting,
        )

        subscribe(OrganizationSuspended, listeners.batches_stop)
        subscribe(ModelVersionDeleting, listeners.model_guard)
        public_events.register()
        worker_shutting_down.connect(listeners.worker_drain, weak=False)
