"""Django's entry to the metering app."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    """Label `metering`."""

    name = "billing.metering"
    label = "metering"
    verbose_name = "Metering"
