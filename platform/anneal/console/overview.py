"""The operator's figures, few queries each. System scope."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum

from anneal.kernel import clock
from anneal.kernel.models import OutboxMessage
from billing.metering.models import UsageEvent
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.states import JobState
from tenants.accounts.models import Organization, OrganizationKind, User

_WAITING = [JobState.VALIDATING.value, JobState.QUEUED.value]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page of the console says."""

    organizations: int
    new_organizations: int
    suspended: int
    users: int
    jobs_running: int
    jobs_waiting: int
    jobs_failed: int
    usage_today: dict[str, Decimal]
    outbox_waiting: int


def overview_read() -> Overview:
    """Count, inside an open system scope. "New" is seven days, "failed" one day."""
    now = clock.now()
    customers = Organization.objects.exclude(kind=OrganizationKind.HOUSE).aggregate(
        all=Count("id"),
        new=Count("id", filter=Q(created_at__gte=now - timedelta(days=7))),
        suspended=Count("id", filter=Q(suspended_at__isnull=False)),
    )
    jobs = FineTuningJob.objects.aggregate(
        running=Count("id", filter=Q(state=JobState.RUNNING.value)),
        waiting=Count("id", filter=Q(state__in=_WAITING)),
        failed=Count(
            "id",
            filter=Q(state=JobState.FAILED.value, finished_at__gte=now - timedelta(days=1)),
        ),
    )
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    usage = (
        UsageEvent.objects.filter(occurred_at__gte=midnight)
        .values_list("meter")
        .annotate(total=Sum("units"))
        .order_by("meter")
    )
    return Overview(
        organizations=customers["all"],
        new_organizations=customers["new"],
        suspended=customers["suspended"],
        users=User.objects.count(),
        jobs_running=jobs["running"],
        jobs_waiting=jobs["waiting"],
        jobs_failed=jobs["failed"],
        usage_today=dict(usage),
        outbox_waiting=OutboxMessage.objects.filter(sent_at=None).count(),
    )
