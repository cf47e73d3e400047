"""Django's entry to outcomes."""

from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    """Payment for what came of it."""

    name = "billing.outcomes"
    label = "outcomes"
    verbose_name = "Outcomes"
