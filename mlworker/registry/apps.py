"""Django's view of the registry."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Model versions and the list of all that can be called."""

    name = "mlworker.registry"
    label = "registry"
    verbose_name = "Models"
