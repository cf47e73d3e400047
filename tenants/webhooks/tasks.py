"""The webhooks' work in the background."""

from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from anneal.kernel import clock
from anneal.kernel.rounds import due_each
from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from tenants.webhooks.disabled_mails import disabled_mail, webhooks_to_tell
from tenants.webhooks.models import Delivery, WebhookEvent
from tenants.webhooks.sender import deliveries_send
from tenants.webhooks.services.emit import DELIVER_TASK

KEPT: Final = timedelta(days=30)
_BATCH: Final = 5_000


@task(name=DELIVER_TASK, queue="default", every=5.0)
def deliver() -> None:
    """Send what is due."""
    deliveries_send()


@task(name="webhooks.tell", queue="default", every=30.0)
def tell() -> None:
    """Mail an organization's administrators about webhooks that were disabled."""
    due_each(
        reason="webhooks.tell",
        due=webhooks_to_tell,
        work=lambda due: disabled_mail(organization=due.organization, webhook_id=due.id),
    )


@task(name="webhooks.sweep", queue="default", every=3600.0)
def sweep() -> None:
    """Forget deliveries older than 30 days, and the events nobody waits for any more."""
    old = clock.now() - KEPT
    while True:
        with system_scope("old webhook deliveries"):
            free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
            ids = Delivery.objects.filter(free, created_at__lt=old).values_list("id", flat=True)
            gone, _ = Delivery.objects.filter(id__in=list(ids[:_BATCH])).delete()
        if gone < _BATCH:
            break
    while True:
        with system_scope("old webhook events"):
            used = Exists(Delivery.objects.filter(event_id=OuterRef("id")))
            rows = WebhookEvent.objects.filter(~used, created_at__lt=old)
            ids = rows.values_list("id", flat=True)
            gone, _ = WebhookEvent.objects.filter(id__in=list(ids[:_BATCH])).delete()
        if gone < _BATCH:
            return
