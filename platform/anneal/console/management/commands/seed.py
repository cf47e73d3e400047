"""`seed`: what a fresh installation starts with. Safe to run at every start."""

from decimal import Decimal
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.crypto import salted_hmac

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.outcomes.contracts import OutcomeKind, PolicyTerms
from billing.outcomes.models import OutcomePolicy
from billing.outcomes.services import (
    outcome_policy_add,
    outcome_policy_version_draft,
    outcome_policy_version_publish,
)
from billing.prices.currency import DEFAULT
from tenants.accounts.models import OrganizationKind, User
from tenants.accounts.services import (
    organization_create,
    organization_draft,
    user_create_verified,
)
from tenants.datasets.services import dataset_create_sample

DEMO_EMAIL: Final = "demo@example.com"
_OFFERS: Final = (
    (
        "success-fee",
        OutcomeKind.SUCCESS_FEE,
        ("Success fee", "成功费"),
        PolicyTerms(Decimal(20), DEFAULT, 14, margin=Decimal("0.01")),
    ),
    (
        "confirmed-predictions",
        OutcomeKind.CONFIRMED_PREDICTION,
        ("Confirmed predictions", "确认后付费的预测"),
        PolicyTerms(Decimal("0.0005"), DEFAULT, 14, window_days=7),
    ),
)
"""Outcome policies to try: code, kind, names, terms."""


class Command(BaseCommand):
    """Make the demonstration, once."""

    help = (
        "Make the demo organization with its user and sample data, and outcome policies to try, "
        "if they are not there."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing and name the demo login."""
        if not User.objects.filter(email=DEMO_EMAIL).exists():
            _demo_make()
        _offers_make()
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


def _offers_make() -> None:
    """Offer outcome policies, unless the operator has any: withdrawn ones stay withdrawn."""
    with system_scope("seed"), transaction.atomic():
        if OutcomePolicy.objects.exists():
            return
        for code, kind, (name_en, name_zh), terms in _OFFERS:
            outcome_policy_add(
                actor=SYSTEM_ACTOR, code=code, kind=kind, name_en=name_en, name_zh=name_zh
            )
            draft = outcome_policy_version_draft(actor=SYSTEM_ACTOR, policy=code, terms=terms)
            outcome_policy_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)
