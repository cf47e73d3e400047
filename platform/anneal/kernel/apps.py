"""The kernel's Django application."""

from django.apps import AppConfig


class KernelConfig(AppConfig):
    """Registers the kernel's tables and boot checks."""

    name = "anneal.kernel"
    label = "kernel"

    def ready(self) -> None:
        """Register the boot checks."""
        from anneal.kernel import checks  # noqa: F401, PLC0415 # registering is its import's effect
