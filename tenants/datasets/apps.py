"""The datasets Django application."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Files, datasets and their immutable versions."""

    name = "tenants.datasets"
    label = "datasets"

    def ready(self) -> None:
        """Let webhooks hear of datasets."""
        from tenants.datasets import public_events  # noqa: PLC0415 # apps are ready only now

        public_events.register()
