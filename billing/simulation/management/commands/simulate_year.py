"""`manage.py simulate_year`: random customers for a virtual year; every balance is explained."""

import json
import os
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.simulation.year import YearReport, year_simulate

_WIDTH = 40


class Command(BaseCommand):
    """Simulate, reconcile and explain; exit 1 when anything differs."""

    help = "Let random customers live through a virtual year, then explain every balance."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--organizations", type=int, default=200)
        parser.add_argument("--days", type=int, default=365)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--balances", action="store_true", help="print every balance")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the year."""
        if os.environ.get("ANNEAL_UP"):
            raise CommandError(
                "This would fill the running installation with invented customers: run it as"
                " `python3 manage.py simulate_year`, which makes an installation of its own."
            )
        organizations, days = options["organizations"], options["days"]
        if not 1 <= organizations <= 10_000 or not 1 <= days <= 366:
            raise CommandError("Give 1 to 10,000 --organizations and 1 to 366 --days.")
        started = time.monotonic()
        report = year_simulate(
            organizations=organizations,
            days=days,
            seed=options["seed"],
            progress=lambda day: self._progress(day, days),
        )
        seconds = time.monotonic() - started
        if options["json"]:
            self.stdout.write(json.dumps(report_json(report, seconds)))
        else:
            self._tell(report, seconds, every=options["balances"])
        if report.differences or report.drifts:
            sys.exit(1)

    def _progress(self, day: int, days: int) -> None:
        if not self.stderr.isatty():
            return
        done = _WIDTH * day // days
        bar = "#" * done + "-" * (_WIDTH - done)
        self.stderr.write(f"\r[{bar}] day {day} of {days}", ending="\n" if day == days else "")
        self.stderr.flush()

    def _tell(self, report: YearReport, seconds: float, *, every: bool) -> None:
        for what, number in sorted(report.counts.items()):
            self.stdout.write(f"{number:>10,}  {what}")
        for each in report.balances if every else ():
            model = each.model
            rest = model.granted - model.held - model.consumed - model.expired
            self.stdout.write(
                f"{each.organization}  {each.unit}: granted {model.granted:f}"
                f" - held {model.held:f} - consumed {model.consumed:f} - expired {model.expired:f}"
                f" = {rest:f}"
            )
        for line in (*report.differences, *report.drifts):
            self.stdout.write(f"DIFFERS  {line}")
        self.stdout.write(
            f"drift {len(report.drifts)}, {len(report.balances) - len(report.differences)} of"
            f" {len(report.balances)} balances and {report.invoices} invoices explained,"
            f" {seconds:.0f} s"
        )


def report_json(report: YearReport, seconds: float) -> dict[str, Any]:
    """Render the report."""
    return {
        "drift": len(report.drifts),
        "balances": len(report.balances),
        "invoices": report.invoices,
        "events": report.events,
        "differences": list(report.differences),
        "drifts": list(report.drifts),
        "counts": report.counts,
        "seconds": round(seconds, 1),
    }
