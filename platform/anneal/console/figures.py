"""`/metrics`: what every process counted, and what Postgres and Redis say at this moment."""

import logging
from collections.abc import Callable

from django.db import DatabaseError
from django.db.models import Count, Min, Q
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from anneal.console import counting as _counting  # noqa: F401 # its instruments are told too
from anneal.kernel import clock
from anneal.kernel.metrics import process as _process  # noqa: F401 # as above
from anneal.kernel.metrics.families import Family, Labels, gauge
from anneal.kernel.metrics.store import families_read
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope
from billing.ledger.models import Hold, HoldState
from mlworker.jobs import figures as _jobs  # noqa: F401 # as above
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.states import OPEN, JobState
from mlworker.serving import figures as _serving  # noqa: F401 # as above
from mlworker.serving.queues import queues_read
from tenants.accounts.models import Organization, OrganizationKind, User

logger = logging.getLogger(__name__)

_AWAY = (DatabaseError, PoolTimeout, RedisError, OSError)


def figures_read() -> list[Family]:
    """Return all families; a part that is away is missing and said to be."""
    parts: list[tuple[str, Callable[[], list[Family]]]] = [
        ("database", _database),
        ("redis", _redis),
    ]
    families: list[Family] = []
    up: list[tuple[Labels, float]] = []
    for part, read in parts:
        try:
            families += read()
        except _AWAY as error:
            logger.warning("metrics.part_away: %s: %s", part, error)
            up.append(((("part", part),), 0))
        else:
            up.append(((("part", part),), 1))
    return [gauge("anneal_up", "Whether a part answered this scrape.", up), *families]


def _redis() -> list[Family]:
    queues = queues_read()

    def told(name: str, about: str, value: Callable[..., float]) -> Family:
        return gauge(name, about, [((("base", each.base),), value(each)) for each in queues])

    return [
        *families_read(),
        told("anneal_engines", "Engines that live.", lambda each: each.engines),
        told("anneal_queue_envelopes", "Envelopes no engine took.", lambda each: each.envelopes),
        told("anneal_queue_seconds", "Age of the oldest of them.", lambda each: each.seconds),
        told(
            "anneal_engine_rows_per_second",
            "What its engines run while they are busy, together.",
            lambda each: each.rows_per_second,
        ),
    ]


def _database() -> list[Family]:
    now = clock.now()
    with system_scope("metrics"):
        customers = Organization.objects.exclude(kind=OrganizationKind.HOUSE).aggregate(
            all=Count("id"), suspended=Count("id", filter=Q(suspended_at__isnull=False))
        )
        users = User.objects.count()
        states = dict(
            FineTuningJob.objects.filter(state__in=[state.value for state in OPEN])
            .order_by()
            .values_list("state")
            .annotate(count=Count("id"))
        )
        queued = FineTuningJob.objects.filter(state=JobState.QUEUED.value).aggregate(
            oldest=Min("queued_at")
        )["oldest"]
        outbox = OutboxMessage.objects.filter(sent_at=None).aggregate(
            waiting=Count("id"), oldest=Min("created_at")
        )
        holds = Hold.objects.filter(state=HoldState.HELD).count()
    jobs: list[tuple[Labels, float]] = [
        ((("state", state.value),), states.get(state.value, 0)) for state in sorted(OPEN)
    ]
    return [
        gauge("anneal_organizations", "Customers.", customers["all"]),
        gauge("anneal_organizations_suspended", "Those suspended.", customers["suspended"]),
        gauge("anneal_users", "Accounts of people.", users),
        gauge("anneal_jobs", "Fine-tuning jobs that are not over.", jobs),
        gauge(
            "anneal_jobs_queued_seconds",
            "How long the job waits that waits longest.",
            (now - queued).total_seconds() if queued else 0,
        ),
        gauge("anneal_holds_open", "Units set aside for work under way: how many holds.", holds),
        gauge("anneal_outbox_waiting", "Messages not sent.", outbox["waiting"]),
        gauge(
            "anneal_outbox_age_seconds",
            "Age of the oldest of them.",
            (now - outbox["oldest"]).total_seconds() if outbox["oldest"] else 0,
        ),
    ]
