"""`manage.py meter_exports`: what Stripe's meters were told, wait for, and do not take."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Count

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope
from billing.payments.contracts import ExportState
from billing.payments.models import MeterExport
from billing.payments.services.export_parking import exports_release

_SHOWN = 20


class Command(BaseCommand):
    """Print the sums of each state and the newest rows that are parked, with Stripe's reasons."""

    help = "Show the export of usage to Stripe's meters; --retry sends what is parked again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--retry", action="store_true", help="have what is parked sent again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, after releasing what was parked if asked to."""
        with system_scope("meter exports"):
            if options["retry"]:
                self.stdout.write(f"{exports_release(actor=SYSTEM_ACTOR)} rows wait again.")
            counted = MeterExport.objects.values_list("meter", "state").annotate(n=Count("id"))
            totals = list(counted.order_by("meter", "state"))
            rows = MeterExport.objects.filter(state=ExportState.PARKED).order_by("-id")
            parked = list(rows[:_SHOWN])
        for meter, state, count in totals:
            self.stdout.write(f"{meter}  {state}: {count}")
        for row in parked:
            self.stdout.write(f"{row.organization_id}  {row.meter}  {row.hour}: {row.error}")
