"""`manage.py reconcile`: prove that books, invoices, payments and the provider's objects agree."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.ledger.reconcile import drift_json, reconcile
from tenants.accounts.models import Organization


class Command(BaseCommand):
    """Print what differs; exit 1 when anything does. No number is changed: accounts are parked."""

    help = "Compare books, invoices, payments and the provider's objects; print what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--organization", metavar="SLUG", help="this one alone")
        parser.add_argument("--json", action="store_true", help="print JSON lines")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks."""
        slug = options["organization"]
        report = reconcile(organization=_organization(slug) if slug else None)
        for drift in report.drifts:
            line = drift_json(drift)
            told = "{check}  {organization}  {subject}: expected {expected}, found {found}"
            self.stdout.write(json.dumps(line) if options["json"] else told.format(**line))
        for reason in report.away:
            self.stderr.write(f"not asked: {reason}")
        total = {"drift": len(report.drifts), "parked": list(report.parked)}
        parked = f", parked: {', '.join(report.parked)}" if report.parked else ""
        self.stdout.write(
            json.dumps(total) if options["json"] else f"drift {total['drift']}{parked}"
        )
        if report.drifts:
            sys.exit(1)


def _organization(slug: str) -> OrganizationRef:
    with system_scope("reconcile"):
        row = Organization.objects.filter(slug=slug).values_list("id", "slug").first()
    if row is None:
        raise CommandError(f"There is no organization '{slug[:80]}': give the slug of one.")
    return OrganizationRef(*row)
