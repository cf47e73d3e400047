"""Django's view of the catalogue."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Cards are code, so the app has no tables."""

    name = "mlworker.catalog"
    label = "catalog"
    verbose_name = "Catalogue"
