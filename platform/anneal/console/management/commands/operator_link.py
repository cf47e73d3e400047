"""`operator_link`: a one-time link that signs the operator in."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from anneal.kernel.scopes import system_scope
from tenants.accounts.services import operator_link_create


class Command(BaseCommand):
    """Print a link good once, for thirty minutes."""

    help = "Print a one-time link (30 minutes) that signs the operator in to the console."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and print."""
        with system_scope("operator link"):
            token = operator_link_create()
        self.stdout.write(f"{settings.ANNEAL_SITE_URL}/operator/{token}")
