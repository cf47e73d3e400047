"""Django's entry to plans."""

from django.apps import AppConfig


class PlansConfig(AppConfig):
    """Grants the trial in the transaction that makes an organization."""

    name = "billing.plans"
    label = "plans"
    verbose_name = "Plans"

    def ready(self) -> None:
        """Subscribe to new organizations."""
        # Services import models, which exist only now.
        from anneal.kernel.events import OrganizationCreated, subscribe  # noqa: PLC0415
        from billing.plans import trial  # noqa: PLC0415

        subscribe(OrganizationCreated, trial.organization_created)
