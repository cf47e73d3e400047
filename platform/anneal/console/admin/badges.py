"""The figures beside the sidebar's entries: what waits for the operator."""

from typing import Any

from django.db.models import Count, QuerySet, Value

from billing.payments.contracts import DISPUTES_ENDED, EventState
from billing.payments.models import Dispute, ProviderEventRow
from billing.payments.selectors import attempts_refused


def badges_count() -> dict[str, int]:
    """Count, in one query: disputes that are not over, events nobody tries any more, and payments
    that were refused for no fault of their cards.
    """
    disputes = Dispute.objects.exclude(state__in=DISPUTES_ENDED)
    events = ProviderEventRow.objects.filter(state=EventState.FAILED)
    refused = attempts_refused(open_too=True).exclude(refusal="")
    counted = _counted("disputes_open", disputes).union(
        _counted("events_failed", events), _counted("payments_refused", refused), all=True
    )
    return dict(counted)


def _counted(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    named = rows.order_by().values(name=Value(name))
    counted: QuerySet[Any] = named.annotate(count=Count("id")).values_list("name", "count")
    return counted
