"""`manage.py reconcile`: prove that ledger, balances, holds and usage agree."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand

from anneal.kernel.scopes import system_scope
from billing.ledger.reconcile import ledger_drift


class Command(BaseCommand):
    """Print one JSON line per difference; exit 1 when there is any. Nothing is changed."""

    help = "Compare ledger, balances, grants, holds and usage; print what differs."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks."""
        with system_scope("reconcile"):
            drifts = ledger_drift()
        for drift in drifts:
            line = {
                "check": drift.check,
                "organization": str(drift.organization_id),
                "subject": drift.subject,
                "expected": str(drift.expected),
                "found": str(drift.found),
            }
            self.stdout.write(json.dumps(line))
        self.stdout.write(json.dumps({"drift": len(drifts)}))
        if drifts:
            sys.exit(1)
