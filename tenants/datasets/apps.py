"""The datasets Django application."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Files, datasets and their immutable versions."""

    name = "tenants.datasets"
    label = "datasets"
