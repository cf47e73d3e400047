"""`manage.py revenue`: the console's figures of revenue for scripts."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from anneal.console.months import month_read
from anneal.console.revenue import revenue_json, revenue_read
from anneal.kernel.scopes import system_scope


class Command(BaseCommand):
    """Print the twelve months up to one, by currency."""

    help = "Print MRR, churn, what was billed, paid and is outstanding: twelve months, by currency."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--month", default="", metavar="YYYY-MM", help="the last one (now)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read and print."""
        asked = options["month"]
        month = month_read(asked)
        if asked and f"{month:%Y-%m}" != asked:
            raise CommandError("--month is a month such as 2026-11 that has begun.")
        with system_scope("revenue"):
            found = revenue_json(revenue_read(month=month))
        if options["json"]:
            self.stdout.write(json.dumps({"month": f"{month:%Y-%m}", "currencies": found}))
            return
        for each in found:
            for name, value in each["months"][-1].items():
                self.stdout.write(f"{each['currency']}  {name}: {'-' if value is None else value}")
