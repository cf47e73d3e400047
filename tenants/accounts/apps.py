"""Django's entry to the accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users and organizations; label `accounts`."""

    name = "tenants.accounts"
    label = "accounts"
    verbose_name = "Accounts"
