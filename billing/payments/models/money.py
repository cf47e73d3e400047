"""Tries to collect, and what came of them."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import TenantModel
from billing.invoices.money import money_text
from billing.payments.contracts import (
    REFUND_ASKED,
    REFUSED,
    AttemptState,
    CheckoutState,
    Purpose,
)


class PaymentAttempt(TenantModel):
    """A try to collect an invoice, or to sell credit where there is none.

    Its row is committed before the provider is asked, and ``key`` says what it is for: whoever
    asks again after a timeout asks with the same key. Of one invoice at most one is open, so no
    page and no card pays it twice.
    """

    invoice_id = models.UUIDField(null=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    key = models.CharField(max_length=100)
    number = models.PositiveIntegerField(default=1)
    card_ref = models.CharField(max_length=255, blank=True)
    session_ref = models.CharField(max_length=255, blank=True)
    intent_ref = models.CharField(max_length=255, blank=True)
    automatic = models.BooleanField(default=False)
    state = models.CharField(
        max_length=10,
        choices=[(one.value, one.value) for one in AttemptState],
        default=AttemptState.OPEN.value,
    )
    failure = models.CharField(max_length=100, blank=True)
    refusal = models.CharField(max_length=500, blank=True)
    """What the provider said where not the card but the set-up was refused: for the operator."""
    asked_at = models.DateTimeField()
    """When the provider was last asked: an answer that is missing is asked for again later."""
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """One open per invoice; each key once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "key"], name="payments_paymentattempt_key"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "invoice_id"],
                condition=Q(state="open"),
                name="payments_paymentattempt_open",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["asked_at"],
                condition=Q(state="open"),
                name="payments_paymentattempt_asked",
            ),
            models.Index(
                fields=["asked_at"],
                condition=Q(state="failed", failure__in=REFUSED),
                name="payments_attempt_refused",
            ),
        ]

    def __str__(self) -> str:
        return f"{money_text(self.amount_minor, self.currency)} {self.currency} {self.state}"


class CheckoutSession(TenantModel):
    """A page at the provider; its row is there before the page, and again asked for with it."""

    purpose = models.CharField(max_length=20, choices=[(one.value, one.value) for one in Purpose])
    key = models.CharField(max_length=255)
    content_hash = models.CharField(max_length=64)
    attempt = models.ForeignKey(
        PaymentAttempt,
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="sessions",
    )
    plan = models.CharField(max_length=50, blank=True)
    time_zone = models.CharField(max_length=60, blank=True)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    return_path = models.CharField(max_length=500)
    state = models.CharField(
        max_length=10,
        choices=[(one.value, one.value) for one in CheckoutState],
        default=CheckoutState.OPEN.value,
    )
    ref = models.CharField(max_length=255, blank=True)
    url = models.TextField(blank=True)
    expires_at = models.DateTimeField()
    error = models.CharField(max_length=100, blank=True)

    class Meta(TenantModel.Meta):
        """Each key once; found by the provider's name."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "key"], name="payments_checkoutsession_key"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "ref"],
                condition=~Q(ref=""),
                name="payments_checkoutsession_ref",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state="open"),
                name="payments_checkoutsession_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.state}"


class Payment(TenantModel):
    """Money that arrived: once per payment of the provider."""

    attempt = models.ForeignKey(
        PaymentAttempt,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="payments",
    )
    invoice_id = models.UUIDField(null=True)
    intent_ref = models.CharField(max_length=255, db_index=True)
    amount_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)

    class Meta(TenantModel.Meta):
        """Never refunded beyond what came."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "attempt"], name="payments_payment_attempt"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "intent_ref"], name="payments_payment_intent"
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=models.F("amount_minor")),
                name="payments_payment_refunded",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="payments_payment_newest"),
            models.Index(fields=["organization_id", "invoice_id"], name="payments_payment_invoice"),
        ]

    def __str__(self) -> str:
        return f"{money_text(self.amount_minor, self.currency)} {self.currency}"


class Refund(TenantModel):
    """Money that goes back; asked for under ``key`` until the provider has it.

    ``booked`` is whether its payment counts it, once per sum: not what was sent again after its
    bank refused it, and of what was made at the provider only what had gone.
    """

    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="refunds",
    )
    key = models.CharField(max_length=100)
    ref = models.CharField(max_length=255, blank=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=20, default=REFUND_ASKED)
    booked = models.BooleanField(default=True)
    asked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """Each key once."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "key"], name="payments_refund_key")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["asked_at"], condition=Q(state="asked"), name="payments_refund_asked"
            )
        ]

    def __str__(self) -> str:
        return f"{money_text(self.amount_minor, self.currency)} {self.currency} {self.state}"


class Dispute(TenantModel):
    """A payment that a bank asks back; ``booked`` is whether the bank has it, and its invoice told.

    ``evidence_due_at`` is until when its bank takes an answer; None where it wants none. It is
    shown as it was when the reading of ``read_at`` began.
    """

    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="disputes",
    )
    ref = models.CharField(max_length=255)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=30)
    reason = models.CharField(max_length=50)
    evidence_due_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    booked = models.BooleanField(default=False)

    class Meta(TenantModel.Meta):
        """Each once."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "ref"], name="payments_dispute_ref")
        ]

    def __str__(self) -> str:
        return f"{money_text(self.amount_minor, self.currency)} {self.currency} {self.state}"
