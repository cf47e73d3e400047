"""The datasets Django application."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Files, datasets and their immutable versions."""

    name = "tenants.datasets"
    label = "datasets"

    def ready(self) -> None:
        """Declare the app's Celery tasks."""
        from tenants.datasets import tasks  # noqa: F401, PLC0415 # declaring is its import's effect
