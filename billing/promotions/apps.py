"""Django's entry to promotions."""

from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    """Label `promotions`."""

    name = "billing.promotions"
    label = "promotions"
    verbose_name = "Promotions"
