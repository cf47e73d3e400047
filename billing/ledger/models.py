"""The ledger's tables. Postgres functions are their only writers: the application may read."""

from decimal import Decimal
from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel


def _amount() -> "models.DecimalField[Decimal | int, Decimal]":
    return models.DecimalField(max_digits=38, decimal_places=12, default=0)


class GrantKind(models.TextChoices):
    """Where credit came from."""

    PROMOTIONAL = "promotional", "Promotional"
    OPERATOR = "operator", "Operator"
    PURCHASED = "purchased", "Purchased"


class HoldState(models.TextChoices):
    """A hold leaves ``held`` once and for ever."""

    HELD = "held", "Held"
    CAPTURED = "captured", "Captured"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"


class Account(models.TextChoices):
    """The ledger's accounts. Credit accounts hold what the customer may still spend or has held."""

    ISSUED = "issued", "Issued"
    PROMOTIONAL_CREDIT = "promotional_credit", "Promotional credit"
    CUSTOMER_CREDIT = "customer_credit", "Customer credit"
    REVENUE = "revenue", "Revenue"
    BREAKAGE = "breakage", "Breakage"


class EntryKind(models.TextChoices):
    """What a journal books."""

    GRANT = "grant", "Grant"
    CAPTURE = "capture", "Capture"
    EXPIRY = "expiry", "Expiry"
    VOID = "void", "Void"


class Grant(TenantModel):
    """So many units, given once.

    What was given never changes: not even the system's role may update those columns. The columns
    below ``active`` project what became of it, and move only under the balance's row lock.
    """

    unit = models.CharField(max_length=50)
    kind = models.CharField(max_length=20, choices=GrantKind.choices)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    priority = models.PositiveSmallIntegerField(default=50)
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=200)
    active = models.BooleanField(default=True)
    held = _amount()
    consumed = _amount()
    expired = _amount()
    voided = _amount()

    class Meta(TenantModel.Meta):
        """A source gives once; what became of a grant never exceeds it."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "unit", "source"], name="ledger_grant_source"
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, amount__lte=10**15), name="ledger_grant_amount"
            ),
            models.CheckConstraint(
                condition=models.Q(held__gte=0, consumed__gte=0, expired__gte=0, voided__gte=0),
                name="ledger_grant_parts",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    amount__gte=models.F("held")
                    + models.F("consumed")
                    + models.F("expired")
                    + models.F("voided")
                ),
                name="ledger_grant_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} ({self.kind})"


class Balance(TenantModel):
    """What an organization has of one unit: a projection of the ledger and of open holds.

    Its row is the lock under which everything of that unit happens. ``next_change_at`` is when a
    grant next begins or ends.
    """

    unit = models.CharField(max_length=50)
    granted = _amount()
    held = _amount()
    consumed = _amount()
    expired = _amount()
    next_change_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        """Nothing is negative and nothing is spent twice, whatever a function may believe."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "unit"], name="ledger_balance_unit"),
            models.CheckConstraint(
                condition=models.Q(granted__gte=0, held__gte=0, consumed__gte=0, expired__gte=0),
                name="ledger_balance_parts",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    granted__gte=models.F("held") + models.F("consumed") + models.F("expired")
                ),
                name="ledger_balance_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.granted}"


class Hold(TenantModel):
    """Units set aside for work under way.

    ``draws`` says from which grants: ``[[grant id, amount], ...]``.
    """

    unit = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    captured = _amount()
    state = models.CharField(max_length=10, choices=HoldState.choices, default=HoldState.HELD)
    source = models.CharField(max_length=50, blank=True)
    draws = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        """Captured is part of held, and only a captured hold has any."""

        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, captured__gte=0, captured__lte=models.F("amount")),
                name="ledger_hold_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(state="held", settled_at__isnull=True, captured=0)
                | models.Q(state="captured", settled_at__isnull=False, captured__gt=0)
                | models.Q(state__in=["released", "expired"], settled_at__isnull=False, captured=0),
                name="ledger_hold_state",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(state="held"),
                name="ledger_hold_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} {self.state}"


class LedgerEntry(TenantModel):
    """One line of a journal. A journal's lines sum to zero per unit: a trigger refuses others.

    ``booked_at`` is business time, ``created_at`` the database's. The grant on a capture's line is
    its allocation: a refund unwinds exactly these.
    """

    journal_id = models.UUIDField()
    kind = models.CharField(max_length=20, choices=EntryKind.choices)
    account = models.CharField(max_length=30, choices=Account.choices)
    unit = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    grant_id = models.UUIDField()
    hold_id = models.UUIDField(null=True, blank=True)
    booked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """A line of nothing is a mistake."""

        verbose_name_plural = "ledger entries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="ledger_entry_not_zero")
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "journal_id"], name="ledger_entry_journal")
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount} {self.unit}"


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
