"""The outbox: a message is a row of the transaction that means it, so a commit is never silent."""

import logging
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from celery import current_app
from django.db import models, transaction
from django.db.models.functions import Now

from anneal.kernel import clock
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope

logger = logging.getLogger(__name__)

_BATCH: Final = 200
_CLAIM: Final = timedelta(seconds=30)


def outbox_add(*, task: str, queue: str, payload: dict[str, Any]) -> None:
    """Queue a Celery message in the open transaction; the relay publishes it after the commit."""
    OutboxMessage(task=task, queue=queue, payload=payload).save(force_insert=True)
    transaction.on_commit(_poke, robust=True)


def _poke() -> None:
    """Wake the relay at once. Only a courtesy: it also looks every second."""
    try:
        current_app.send_task("anneal.relay", queue="default", retry=False, ignore_result=True)
    except Exception:  # noqa: BLE001 # the broker being away must not fail a committed request
        logger.info("outbox.poke_failed")


def outbox_relay() -> int:
    """Publish what waits, oldest first; return how many. Rows stay unsent when Redis refuses.

    A crash between publishing and marking publishes twice: every consumer must bear that.
    """
    waiting = _claim()
    sent: list[UUID] = []
    try:
        for message in waiting:
            current_app.send_task(
                message.task,
                kwargs=message.payload,
                queue=message.queue,
                retry=False,
                ignore_result=True,
            )
            sent.append(message.id)
    finally:
        with system_scope("outbox mark"):
            OutboxMessage.objects.filter(id__in=sent).update(sent_at=clock.now())
            unsent = [message.id for message in waiting if message.id not in set(sent)]
            OutboxMessage.objects.filter(id__in=unsent).update(claimed_until=None)
    return len(sent)


def _claim() -> list[OutboxMessage]:
    """Take a batch for half a minute, so that two relays do not publish the same rows."""
    with system_scope("outbox claim"):
        free = models.Q(claimed_until__isnull=True) | models.Q(claimed_until__lt=Now())
        waiting = list(
            OutboxMessage.objects.filter(free, sent_at__isnull=True)
            .order_by("created_at")
            .select_for_update(skip_locked=True)[:_BATCH]
        )
        OutboxMessage.objects.filter(id__in=[message.id for message in waiting]).update(
            claimed_until=Now() + _CLAIM
        )
    return waiting
