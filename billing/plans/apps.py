"""Django's entry to plans."""

from django.apps import AppConfig


class PlansConfig(AppConfig):
    """Grants the trial with a new organization, and holds organizations to their plans' limits."""

    name = "billing.plans"
    label = "plans"
    verbose_name = "Plans"

    def ready(self) -> None:
        """Subscribe to new organizations, files and seats; let webhooks hear of plans."""
        # Services import models, which exist only now.
        from anneal.kernel.events import (  # noqa: PLC0415
            FileArriving,
            FileStored,
            OrganizationCreated,
            SeatTaking,
            subscribe,
        )
        from billing.plans import holding, public_events, trial  # noqa: PLC0415

        subscribe(OrganizationCreated, trial.organization_created)
        subscribe(FileArriving, holding.file_arriving)
        subscribe(FileStored, holding.file_stored)
        subscribe(SeatTaking, holding.seat_taking)
        public_events.register()
