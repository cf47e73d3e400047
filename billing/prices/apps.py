"""Django's entry to the prices app."""

from django.apps import AppConfig


class PricesConfig(AppConfig):
    """Label `prices`."""

    name = "billing.prices"
    label = "prices"
    verbose_name = "Prices"
