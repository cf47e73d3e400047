"""Django's view of the registry."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Model versions and the list of all that can be called."""

    name = "mlworker.registry"
    label = "registry"
    verbose_name = "Models"

    def ready(self) -> None:
        """Count imported models and exports into what an organization stores."""
        from mlworker.registry.storage import brought_bytes  # noqa: PLC0415 # apps load first
        from tenants.datasets.selectors import register_stored_source  # noqa: PLC0415 # same

        register_stored_source(brought_bytes)
