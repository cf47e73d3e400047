"""Django's entry to the ledger."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Label `ledger`."""

    name = "billing.ledger"
    label = "ledger"
    verbose_name = "Ledger"

    def ready(self) -> None:
        """Let webhooks hear of thresholds."""
        from billing.ledger import public_events  # noqa: PLC0415 # apps are ready only now

        public_events.register()
