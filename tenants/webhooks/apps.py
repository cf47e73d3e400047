"""Django's entry to the webhooks app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Label `webhooks`."""

    name = "tenants.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        """Let attempts end before the worker does."""
        from celery.signals import worker_shutting_down  # noqa: PLC0415 # apps are ready only now

        from tenants.webhooks.sender import sender_stop  # noqa: PLC0415 # as above

        worker_shutting_down.connect(sender_stop, weak=False)
