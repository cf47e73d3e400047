"""The figures beside the sidebar's entries: what waits for the operator."""

from typing import Any

from django.db.models import Count, QuerySet, Value

from billing.payments.contracts import DISPUTES_ENDED, EventState
from billing.payments.models import Dispute, ProviderEventRow


def badges_count() -> dict[str, int]:
    """Count the disputes that are not over and the events nobody tries any more, in one query."""
    disputes = Dispute.objects.exclude(state__in=DISPUTES_ENDED)
    events = ProviderEventRow.objects.filter(state=EventState.FAILED)
    both = _counted("disputes_open", disputes).union(_counted("events_failed", events), all=True)
    return dict(both)


def _counted(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    named = rows.order_by().values(name=Value(name))
    counted: QuerySet[Any] = named.annotate(count=Count("id")).values_list("name", "count")
    return counted
