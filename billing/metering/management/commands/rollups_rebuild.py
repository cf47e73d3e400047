"""`manage.py rollups_rebuild`: forget the hourly sums of usage and make them anew."""

from typing import Any

from django.core.management.base import BaseCommand

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.metering.models import UsageRollup
from billing.metering.services import rollups_advance, rollups_drop


class Command(BaseCommand):
    """Drop and sum. Answers stay right throughout: events speak for what is not summed."""

    help = "Forget the hourly sums of usage and make them anew. No answer and no bill changes."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, a day of hours per transaction."""
        with system_scope("usage roll-ups"):
            dropped = rollups_drop()
        more = True
        while more:
            with system_scope("usage roll-ups"):
                more = rollups_advance(now=clock.now())
        with system_scope("usage roll-ups"):
            made = UsageRollup.objects.count()
        self.stdout.write(f"{dropped} hourly sums dropped, {made} made.")
