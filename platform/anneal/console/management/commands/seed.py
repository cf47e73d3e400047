"""`seed`: what a fresh installation starts with. Safe to run at every start."""

from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils.crypto import salted_hmac

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from tenants.accounts.models import OrganizationKind, User
from tenants.accounts.services import (
    organization_create,
    organization_draft,
    user_create_verified,
)
from tenants.datasets.services import dataset_create_sample

DEMO_EMAIL: Final = "demo@example.com"


class Command(BaseCommand):
    """Make the demonstration organization, once."""

    help = "Make the demo organization with its user and sample data, if they are not there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--no-demo", action="store_true", help="make no demo organization")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and name the demo login."""
        if options["no_demo"]:
            return
        if not User.objects.filter(email=DEMO_EMAIL).exists():
            _demo_make()
        self.stdout.write(f"Demo login: {DEMO_EMAIL} / {demo_password()}")


def demo_password() -> str:
    """Return the demo user's password: the same at every start, another on each installation."""
    return salted_hmac("anneal.demo", DEMO_EMAIL).hexdigest()[:12]


def _demo_make() -> None:
    """Make user, organization and sample in one transaction: half a demo would stay half."""
    organization: OrganizationRef = organization_draft("demo")
    with tenant_scope(organization):
        owner = user_create_verified(email=DEMO_EMAIL, password=demo_password(), name="Demo")
        organization_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            name="Demo",
            owner_id=owner.id,
            kind=OrganizationKind.DEMO,
        )
        dataset_create_sample(organization=organization, actor=SYSTEM_ACTOR)
