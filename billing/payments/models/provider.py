"""What the provider told, how far we have looked, and what the demo keeps."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import SystemModel
from billing.payments.contracts import EventState


class ProviderEventRow(SystemModel):
    """An event of the provider; never forgotten, so that one told again days later does nothing."""

    ref = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    kind = models.CharField(max_length=60)
    object_ref = models.CharField(max_length=255, blank=True)
    customer_ref = models.CharField(max_length=255, blank=True)
    intent_ref = models.CharField(max_length=255, blank=True)
    occurred_at = models.DateTimeField()
    body = models.TextField()
    state = models.CharField(
        max_length=10,
        choices=[(one.value, one.value) for one in EventState],
        default=EventState.WAITING.value,
    )
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta(SystemModel.Meta):
        """Looked for by when it is due."""

        verbose_name = "provider event"
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state="waiting"),
                name="payments_providerevent_due",
            ),
            models.Index(
                fields=["id"],
                condition=Q(state="failed"),
                name="payments_providerevent_failed",
            ),
            models.Index(fields=["object_ref"], name="payments_providerevent_object"),
            models.Index(fields=["intent_ref"], name="payments_providerevent_intent"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.ref}"


class SweepCursor(SystemModel):
    """Up to which moment the provider's own list of events was read."""

    name = models.CharField(max_length=30, unique=True)
    moment = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.moment}"


class DemoObject(SystemModel):
    """A thing that the demo provider keeps, in the shape that Stripe would answer with."""

    ref = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=255, blank=True)
    customer = models.CharField(max_length=255, blank=True)
    body = models.JSONField(default=dict)

    class Meta(SystemModel.Meta):
        """What was asked for twice under a key was made once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key"], condition=~Q(key=""), name="payments_demoobject_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"
