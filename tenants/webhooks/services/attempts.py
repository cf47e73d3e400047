"""Attempts: claimed with a lease by the database's clock, sent without a transaction, booked.

A worker that dies leaves its lease behind; when that is over the delivery is claimed again and goes
out under the same id. So what arrives may arrive twice, and nothing is lost.
"""

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Min, Q, QuerySet
from django.db.models.functions import Now

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.sealing import SealBroken
from tenants.webhooks.contracts import EVENT_PREFIX, DeliveryState, DisabledReason
from tenants.webhooks.models import Delivery, Webhook
from tenants.webhooks.sending import Outcome, attempt
from tenants.webhooks.services.webhooks import webhook_disable
from tenants.webhooks.signing import secret_open, signed_headers

LEASE: Final = timedelta(seconds=90)
"""Longer than an attempt and the slowest look-up of a name."""
DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 64_800, 79_200)
)
"""Waits after the first, second, ... failed try: 3 days in all, each a tenth longer or shorter."""
JITTER: Final = 0.1
FAILING: Final = timedelta(days=5)
"""After so long without one success a webhook is disabled."""
PER_WEBHOOK: Final = 2
PER_ORGANIZATION: Final = 8
_GONE: Final = 410
_WEBHOOKS: Final = 200


@dataclass(frozen=True, slots=True)
class Sending:
    """An attempt to make."""

    organization_id: UUID
    webhook_id: UUID
    delivery_id: UUID
    number: int
    event_id: str
    url: str
    body: str
    secrets: tuple[str, ...]
    """As they are stored."""


def attempts_claim(most: int) -> list[Sending]:
    """Take what is due, oldest webhook first, and never much of one address or organization.

    One that does not answer holds one attempt at a time, so it takes no room from others.
    """
    with system_scope("webhook attempts"):
        webhooks = _waiting_webhooks()
        busy = Counter(_busy("webhook_id"))
        busy_organizations = Counter(_busy("organization_id"))
        claimed: list[Sending] = []
        for webhook in webhooks:
            room = min(
                (1 if webhook.failing_since else PER_WEBHOOK) - busy[webhook.id],
                PER_ORGANIZATION - busy_organizations[webhook.organization_id],
                most - len(claimed),
            )
            if room > 0:
                taken = _claim(webhook, room)
                busy_organizations[webhook.organization_id] += len(taken)
                claimed += taken
        return claimed


def attempt_make(sending: Sending) -> Outcome:
    """Sign and send. Needs no database."""
    try:
        texts = [secret_open(sealed) for sealed in sending.secrets]
    except SealBroken:
        return Outcome(None, "secret_unreadable", 0)
    body = sending.body.encode()
    headers = signed_headers(
        event_id=sending.event_id,
        timestamp=int(clock.now().timestamp()),
        body=body,
        texts=texts,
    )
    return attempt(sending.url, body, headers)


def attempt_book(sending: Sending, outcome: Outcome) -> None:
    """Write down what became of an attempt, unless a later one has taken over."""
    # A slug names models; nothing here does.
    organization = OrganizationRef(id=sending.organization_id, slug="")
    with tenant_scope(organization):
        webhook: Webhook | None = (
            Webhook.objects.select_for_update(no_key=True).filter(id=sending.webhook_id).first()
        )
        row: Delivery | None = Delivery.objects.filter(
            id=sending.delivery_id, attempts=sending.number
        ).first()
        if webhook is None or row is None:
            return
        now = clock.now()
        row.claimed_until, row.last_attempt_at = None, now
        row.response_status, row.duration_ms = outcome.status, outcome.duration_ms
        row.error = outcome.error
        if not outcome.error:
            row.state, row.delivered_at = DeliveryState.DELIVERED, now
            row.save()
            _succeeded(webhook)
            return
        _schedule(row, now)
        row.save()
        _failed(organization, webhook, outcome, now)


def _due() -> QuerySet[Delivery]:
    free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
    return Delivery.objects.filter(
        free, state=DeliveryState.WAITING, next_attempt_at__lte=clock.now()
    )


def _waiting_webhooks() -> list[Webhook]:
    """Lock the webhooks with something due, those that waited longest first.

    Two workers never count and claim for the same one at a time.
    """
    oldest = dict(
        _due()
        .values_list("webhook_id")
        .annotate(since=Min("next_attempt_at"))
        .order_by("since")[:_WEBHOOKS]
    )
    found = Webhook.objects.select_for_update(skip_locked=True, no_key=True).filter(
        id__in=list(oldest), enabled=True
    )
    return sorted(found, key=lambda webhook: oldest[webhook.id])


def _busy(column: str) -> list[Any]:
    return list(Delivery.objects.filter(claimed_until__gte=Now()).values_list(column, flat=True))


def _claim(webhook: Webhook, room: int) -> list[Sending]:
    due = _due().filter(webhook_id=webhook.id).order_by("next_attempt_at", "id")
    ids = [row.id for row in due.select_for_update(no_key=True)[:room]]
    Delivery.objects.filter(id__in=ids).update(
        claimed_until=Now() + LEASE, attempts=F("attempts") + 1, tries=F("tries") + 1
    )
    rows = Delivery.objects.filter(id__in=ids).select_related("event").order_by("next_attempt_at")
    secrets = [webhook.secret]
    if webhook.old_secret_until is not None and webhook.old_secret_until > clock.now():
        secrets.append(webhook.old_secret)
    return [
        Sending(
            organization_id=row.organization_id,
            webhook_id=webhook.id,
            delivery_id=row.id,
            number=row.attempts,
            event_id=public_id(EVENT_PREFIX, row.event_id),
            url=webhook.url,
            body=row.event.body,
            secrets=tuple(secrets),
        )
        for row in rows
    ]


def _schedule(row: Delivery, now: datetime) -> None:
    if row.state != DeliveryState.WAITING:
        return
    # A resend during the attempt begins its tries anew.
    waits = max(row.tries, 1) - 1
    if waits >= len(DELAYS):
        row.state = DeliveryState.FAILED
        return
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 # spreads load, keeps no secret
    row.next_attempt_at = now + DELAYS[waits] * spread


def _succeeded(webhook: Webhook) -> None:
    if webhook.failing_since is not None:
        webhook.failing_since = None
        webhook.save(update_fields=["failing_since"])


def _failed(
    organization: OrganizationRef, webhook: Webhook, outcome: Outcome, now: datetime
) -> None:
    if not webhook.enabled:
        return
    if outcome.status == _GONE:
        webhook_disable(organization, webhook, DisabledReason.GONE)
        return
    if webhook.failing_since is None:
        webhook.failing_since = now
        webhook.save(update_fields=["failing_since"])
    elif now - webhook.failing_since >= FAILING:
        webhook_disable(organization, webhook, DisabledReason.FAILING)
