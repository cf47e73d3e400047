"""The operator's figures, few queries each. System scope."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.db.models import Count, Min, Q, Sum

from anneal.kernel import clock
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope
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
    outbox_age_seconds: float


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
    outbox = OutboxMessage.objects.filter(sent_at=None).aggregate(
        waiting=Count("id"), oldest=Min("created_at")
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
        outbox_waiting=outbox["waiting"],
        outbox_age_seconds=(now - outbox["oldest"]).total_seconds() if outbox["oldest"] else 0.0,
    )


def metrics_read() -> dict[str, float]:
    """Return the figures by their Prometheus name."""
    with system_scope("metrics"):
        figures = overview_read()
    return {
        "anneal_organizations": figures.organizations,
        "anneal_organizations_suspended": figures.suspended,
        "anneal_users": figures.users,
        'anneal_jobs{state="running"}': figures.jobs_running,
        'anneal_jobs{state="waiting"}': figures.jobs_waiting,
        "anneal_jobs_failed_last_day": figures.jobs_failed,
        "anneal_outbox_waiting": figures.outbox_waiting,
        "anneal_outbox_age_seconds": figures.outbox_age_seconds,
        **{
            f'anneal_usage_today{{meter="{meter}"}}': float(units)
            for meter, units in figures.usage_today.items()
        },
    }
