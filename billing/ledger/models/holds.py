"""Units set aside, captured and refunded."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel
from billing.ledger.models.fields import amount_field


class HoldState(models.TextChoices):
    """A hold leaves ``held`` once and for ever."""

    HELD = "held", "Held"
    CAPTURED = "captured", "Captured"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"


class Hold(TenantModel):
    """Units set aside for work under way.

    ``draws`` says from which grants of the unit: ``[[grant id, amount], ...]``. What these did not
    cover is ``rated``: charged at the price, for which ``charges`` sets money aside in the same
    shape. ``limits`` says what each limit's count still holds for it. While a hold is open all
    three name what is left.
    """

    unit = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    captured = amount_field()
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.HELD)
    source = models.CharField(max_length=50, blank=True)
    draws = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    """Business time: it names the period of the price and the windows of the limits."""
    refunded = amount_field()
    currency = models.CharField(max_length=3, blank=True)
    price_id = models.UUIDField(null=True, blank=True)
    rated_usage_id = models.UUIDField(null=True, blank=True)
    rated = amount_field()
    rated_captured = amount_field()
    rated_refunded = amount_field()
    charges = models.JSONField(default=list)
    charged = amount_field()
    charge_refunded = amount_field()
    uncovered = amount_field()
    """What captured units cost by the price and nothing covered, so that it was not charged.

    Without a currency there was no price to ask: then it is those units themselves.
    """
    limits = models.JSONField(default=dict)
    limits_from = models.JSONField(default=dict)
    """What of the captures does not count there, by count: it was before, or another window's."""
    note = models.CharField(max_length=500, blank=True)
    api_key_id = models.UUIDField(null=True, blank=True)
    member_id = models.UUIDField(null=True, blank=True)
    """Whose budgets count, also one that comes while the hold is open."""

    class Meta(TenantModel.Meta):
        """Captured is part of held, refunded part of captured, and a closed hold says when."""

        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, captured__gte=0, captured__lte=models.F("amount")),
                name="ledger_hold_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(state="held", settled_at__isnull=True)
                | models.Q(state="captured", settled_at__isnull=False, captured__gt=0)
                | models.Q(state="released", settled_at__isnull=False, captured=0)
                | models.Q(state="expired", settled_at__isnull=False),
                name="ledger_hold_state",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    refunded__gte=0,
                    refunded__lte=models.F("captured"),
                    rated_refunded__gte=0,
                    rated_refunded__lte=models.F("rated_captured"),
                    rated_captured__lte=models.F("rated"),
                    rated__lte=models.F("amount"),
                    charge_refunded__gte=0,
                    charge_refunded__lte=models.F("charged"),
                ),
                name="ledger_hold_refunded",
            ),
            models.CheckConstraint(
                condition=models.Q(uncovered__gte=0), name="ledger_hold_uncovered"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state="held"),
                name="ledger_hold_open",
            ),
            models.Index(
                fields=["rated_usage_id"],
                condition=models.Q(state="held", rated_usage_id__isnull=False),
                name="ledger_hold_pool",
            ),
            # What was let go leaves no other trace: the hourly comparison looks for it here.
            models.Index(
                fields=["settled_at"],
                condition=models.Q(state__in=["released", "expired"]),
                name="ledger_hold_let_go",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} {self.state}"


class RatedUsage(TenantModel):
    """How much of a price's units an organization used in a period: tiers count from here.

    ``pending`` units are held and may still be captured, in any order. ``aside`` is the money that
    their holds set aside, which covers any of them together; ``limits`` is what they count as held
    against limits of money of the organization or its plan, by limit.
    """

    price_id = models.UUIDField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    used = amount_field()
    pending = amount_field()
    aside = amount_field()
    limits = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        """One count per price and period."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "price_id", "begins_at"], name="ledger_ratedusage_period"
            ),
            models.CheckConstraint(
                condition=models.Q(used__gte=0, pending__gte=0), name="ledger_ratedusage_parts"
            ),
            models.CheckConstraint(
                condition=models.Q(aside__gte=0), name="ledger_ratedusage_aside"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.used} (+{self.pending})"


class CaptureRefund(TenantModel):
    """Captured units given back, once per key. Append-only."""

    hold_id = models.UUIDField()
    key = models.CharField(max_length=200)
    units = models.DecimalField(max_digits=38, decimal_places=12)
    charge = amount_field()
    """The part of the money charged for them, in the hold's currency."""
    reason = models.CharField(max_length=500)
    booked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """A key refunds once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "key"], name="ledger_capturerefund_key"
            ),
            models.CheckConstraint(
                condition=models.Q(units__gt=0, charge__gte=0), name="ledger_capturerefund_units"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "hold_id"], name="ledger_capturerefund_hold")
        ]

    def __str__(self) -> str:
        return f"{self.units} of {self.hold_id}"


class KeyedCall(TenantModel):
    """The answer of a call that came with an Idempotency-Key, kept a day. It holds no input."""

    scope = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    hold_id = models.UUIDField()
    response = models.TextField(null=True, blank=True)  # noqa: DJ001 # NULL = not answered yet
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """A key names one call per route."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "scope", "key"], name="ledger_keyedcall_key"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "hold_id"], name="ledger_keyedcall_hold"),
            models.Index(fields=["expires_at"], name="ledger_keyedcall_end"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
