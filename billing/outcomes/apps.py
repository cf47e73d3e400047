"""Django's entry to outcomes."""

from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    """Payment for what came of it."""

    name = "billing.outcomes"
    label = "outcomes"
    verbose_name = "Outcomes"

    def ready(self) -> None:
        """Let webhooks hear of outcomes."""
        # It imports contracts of apps that exist only now.
        from billing.outcomes import public_events  # noqa: PLC0415

        public_events.register()
