"""Webhooks, the events they are told of, and the deliveries. Class: tenant."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from anneal.kernel.models import TenantModel
from tenants.webhooks.contracts import DeliveryState, DisabledReason


class Webhook(TenantModel):
    """An address of the organization's, and what it wants to hear of."""

    url = models.CharField(max_length=2000)
    description = models.CharField(max_length=200, default="", blank=True)
    event_types = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    """Empty: every type."""
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(
        max_length=10,
        choices=[(reason.value, reason.value) for reason in DisabledReason],
        default=DisabledReason.NONE.value,
        blank=True,
    )
    disabled_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    """The first failure after the last success."""
    secret = models.TextField()
    old_secret = models.TextField(default="", blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    told_to = ArrayField(models.UUIDField(), default=list, blank=True)
    """Who had the mail that says it was disabled."""
    told_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    """While it lasts, one worker writes those mails."""

    class Meta(TenantModel.Meta):
        verbose_name = "webhook"
        verbose_name_plural = "webhooks"
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="webhooks_webhook_newest"),
            models.Index(
                fields=["disabled_at"],
                condition=Q(disabled_reason__in=["gone", "failing"], told_at=None),
                name="webhooks_webhook_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookEvent(TenantModel):
    """One event, as the very bytes that every attempt sends."""

    type = models.CharField(max_length=100)
    body = models.TextField()

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [models.Index(fields=["created_at"], name="webhooks_event_age")]

    def __str__(self) -> str:
        return self.type


class Delivery(TenantModel):
    """One event on its way to one webhook."""

    webhook = models.ForeignKey(
        Webhook, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    event = models.ForeignKey(
        WebhookEvent, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    state = models.CharField(
        max_length=10,
        choices=[(state.value, state.value) for state in DeliveryState],
        default=DeliveryState.WAITING.value,
    )
    attempts = models.PositiveIntegerField(default=0)
    """All of them, and the fence: who was overtaken writes nothing."""
    tries = models.PositiveSmallIntegerField(default=0)
    """Those since the event or the last resend; they choose how long the next one waits."""
    next_attempt_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True, blank=True)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    response_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=40, default="", blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        verbose_name = "delivery"
        verbose_name_plural = "deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "event", "webhook"], name="webhooks_delivery_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization_id", "webhook", "-id"], name="webhooks_delivery_newest"
            ),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state="waiting"),
                name="webhooks_delivery_due",
            ),
            models.Index(
                fields=["claimed_until"],
                condition=Q(claimed_until__isnull=False),
                name="webhooks_delivery_claimed",
            ),
            models.Index(fields=["created_at"], name="webhooks_delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.state} after {self.attempts} attempts"
