"""Django's entry to the ledger."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Label `ledger`."""

    name = "billing.ledger"
    label = "ledger"
    verbose_name = "Ledger"
