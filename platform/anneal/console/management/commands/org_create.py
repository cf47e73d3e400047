"""`org_create`: an organization with owner and key, for scripts and tests."""

import json
import secrets
from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from anneal.kernel.errors import DomainError
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor, KeyScope, Principal, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.contracts import PREDICTION
from billing.ledger.services import balance_grant_set
from tenants.accounts.contracts import UserInfo
from tenants.accounts.models import User
from tenants.accounts.services import (
    organization_create,
    organization_draft,
    user_create_verified,
)
from tenants.keys.services import api_key_create


class Command(BaseCommand):
    """Make an organization, its owner with a verified address, and a key for everything."""

    help = "Make an organization with an owner and an API key, and print them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--email", required=True, help="the owner's address")
        parser.add_argument("--name", default="", help="the organization's name")
        parser.add_argument(
            "--credit", type=int, help="predictions to grant, exactly, instead of the trial's"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make and print."""
        email = options["email"].strip().lower()
        if options["credit"] is not None and options["credit"] < 1:
            raise CommandError("--credit is a whole number of 1 or more.")
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"{email[:80]} is no e-mail address.") from error
        if User.objects.filter(email=email).exists():
            raise CommandError(f"{email} has an account already: choose another address.")
        password = secrets.token_urlsafe(12)
        organization = organization_draft(options["name"] or email)
        try:
            with tenant_scope(organization):
                owner = user_create_verified(email=email, password=password)
                key = _furnish(organization, owner, options["name"] or email, options["credit"])
        except DomainError as error:
            raise CommandError(error.text) from error
        made = {
            "organization": public_id("org_", organization.id),
            "slug": organization.slug,
            "email": email,
            "password": password,
            "api_key": key,
        }
        lines = [json.dumps(made)] if options["json"] else [f"{k}: {v}" for k, v in made.items()]
        self.stdout.write("\n".join(lines))


def _furnish(organization: OrganizationRef, owner: UserInfo, name: str, credit: int | None) -> str:
    """Fill the new organization and return its key."""
    organization_create(organization=organization, actor=SYSTEM_ACTOR, name=name, owner_id=owner.id)
    if credit is not None:
        balance_grant_set(organization=organization, unit=PREDICTION, amount=Decimal(credit))
    principal = Principal(organization=organization, actor=_actor(owner), role=Role.OWNER)
    made = api_key_create(
        organization=organization,
        principal=principal,
        name="org_create",
        scopes=frozenset({KeyScope.ADMIN}),
    )
    return made.secret


def _actor(owner: UserInfo) -> Actor:
    return Actor(kind="user", id=owner.id, label=owner.email)
