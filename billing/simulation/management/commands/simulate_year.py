"""`manage.py simulate_year`: random customers for a virtual year; every balance is explained."""

import json
import os
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from billing.simulation.year import YearReport, year_simulate


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
        with _bar() as bar:
            task = bar.add_task("Living through the year", total=days)
            report = year_simulate(
                organizations=organizations,
                days=days,
                seed=options["seed"],
                progress=lambda day: bar.update(task, completed=day),
            )
        seconds = time.monotonic() - started
        if options["json"]:
            self.stdout.write(json.dumps(report_json(report, seconds)))
        else:
            self._tell(report, seconds, every=options["balances"])
        if report.differences or report.drifts:
            sys.exit(1)

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
        for currency, money in report.money.items():
            came = money.came_by_card + money.came_by_transfer
            self.stdout.write(
                f"{currency}: {came} came = {money.paid_invoices} paid invoices"
                f" + {money.became_credit} became credit; {money.refunded} went back,"
                f" {money.taken_back} was taken back"
            )
        for line in (*report.differences, *report.drifts):
            self.stdout.write(f"DIFFERS  {line}")
        self.stdout.write(
            f"drift {len(report.drifts)}, {len(report.differences)} differences in"
            f" {len(report.balances)} balances and {report.invoices} invoices, {seconds:.0f} s"
        )


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def report_json(report: YearReport, seconds: float) -> dict[str, Any]:
    """Render the report; docs/money.md says what each field means."""
    return {
        "drift": len(report.drifts),
        "balances": len(report.balances),
        "invoices": report.invoices,
        "events": report.events,
        "money": {currency: asdict(money) for currency, money in report.money.items()},
        "differences": list(report.differences),
        "drifts": list(report.drifts),
        "counts": report.counts,
        "seconds": round(seconds, 1),
    }
