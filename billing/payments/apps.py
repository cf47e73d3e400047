"""Django's entry to payments."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Collects what is owed and hears of what is to go back."""

    name = "billing.payments"
    label = "payments"
    verbose_name = "Payments"
