"""The console's Django application."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Pages that join apps: part of the composition root."""

    name = "anneal.console"
    label = "console"

    def ready(self) -> None:
        """Make the Celery application the current one, so that messages find the broker."""
        from anneal import worker  # noqa: F401, PLC0415 # making it current is its import's effect
