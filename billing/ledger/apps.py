"""Django's entry to the ledger."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Grants the trial in the transaction that makes an organization."""

    name = "billing.ledger"
    label = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Subscribe to new organizations."""
        # Services import models, which exist only now.
        from anneal.kernel.events import OrganizationCreated, subscribe  # noqa: PLC0415
        from billing.ledger import trial  # noqa: PLC0415

        subscribe(OrganizationCreated, trial.organization_created)
