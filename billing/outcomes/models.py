"""Policies are global; contracts, outcomes and their steps are the organization's."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import GlobalModel, TenantModel
from billing.outcomes.contracts import OutcomeKind, OutcomeState, Payment

_KINDS = [(one.value, one.value) for one in OutcomeKind]


class OutcomePolicy(GlobalModel):
    """A name under which versions of terms are offered."""

    code = models.CharField(max_length=50, unique=True)
    kind = models.CharField(max_length=30, choices=_KINDS)
    name_en = models.CharField(max_length=100)
    name_zh = models.CharField(max_length=100)
    public = models.BooleanField(default=True)

    class Meta(GlobalModel.Meta):
        """Its plural, which Django cannot guess."""

        verbose_name_plural = "outcome policies"

    def __str__(self) -> str:
        return self.code


class OutcomePolicyVersion(GlobalModel):
    """Terms of a policy. A draft may change; a trigger keeps a published one as it is."""

    policy = models.ForeignKey(OutcomePolicy, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=38, decimal_places=12)
    currency = models.CharField(max_length=3)
    dispute_days = models.PositiveSmallIntegerField()
    margin = models.DecimalField(max_digits=9, decimal_places=6, default=0)
    level = models.DecimalField(max_digits=9, decimal_places=6, default="0.05")
    window_days = models.PositiveSmallIntegerField(null=True)
    published_at = models.DateTimeField(null=True)

    class Meta(GlobalModel.Meta):
        """One draft per policy."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["policy", "version"], name="outcomes_policyversion_version"
            ),
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(published_at__isnull=True),
                name="outcomes_policyversion_draft",
            ),
            models.CheckConstraint(
                condition=Q(price__gt=0, price__lte=10**15), name="outcomes_policyversion_price"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class OutcomeContract(TenantModel):
    """Terms as they were accepted; ``document`` is what the customer read."""

    policy_version = models.ForeignKey(
        OutcomePolicyVersion, on_delete=models.PROTECT, related_name="+"
    )
    kind = models.CharField(max_length=30, choices=_KINDS)
    subject = models.CharField(max_length=80)
    document = models.JSONField()
    terms_hash = models.CharField(max_length=64)
    accepted_by = models.CharField(max_length=254)
    accepted_at = models.DateTimeField()
    ended_by = models.CharField(max_length=254, blank=True, default="")
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """One in force about the same thing."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "kind", "subject"],
                condition=Q(ended_at__isnull=True),
                name="outcomes_contract_in_force",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="outcomes_contract_newest")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Outcome(TenantModel):
    """What one subject, or one subject's day, came to.

    ``settle_at`` is when it is assumed unless something is known before. ``owed_as`` is what a
    dispute returns to where it is not upheld.
    """

    contract = models.ForeignKey(
        OutcomeContract,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="outcomes",
    )
    kind = models.CharField(max_length=30, choices=_KINDS)
    subject = models.CharField(max_length=80)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=10,
        choices=[(one.value, one.value) for one in OutcomeState],
        default=OutcomeState.PENDING.value,
    )
    owed_as = models.CharField(max_length=10, blank=True, default="")
    quantity = models.DecimalField(max_digits=38, decimal_places=12)
    unit_price = models.DecimalField(max_digits=38, decimal_places=12)
    currency = models.CharField(max_length=3)
    payment = models.CharField(
        max_length=10,
        blank=True,
        default="",
        choices=[(one.value, one.value) for one in Payment],
    )
    hold_id = models.UUIDField(null=True)
    settle_at = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    dispute_until = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """A subject has one outcome a period, whoever counts it, late or twice."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "kind", "subject", "starts_at"],
                nulls_distinct=False,
                name="outcomes_outcome_once",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, unit_price__gt=0), name="outcomes_outcome_amount"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at__isnull=True)
                | (~Q(state="pending") & Q(decided_at__isnull=False)),
                name="outcomes_outcome_decided",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="outcomes_outcome_newest"),
            models.Index(fields=["organization_id", "contract"], name="outcomes_outcome_of"),
            models.Index(
                fields=["settle_at"], condition=Q(state="pending"), name="outcomes_outcome_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.subject}"


class OutcomeStep(TenantModel):
    """A step of an outcome with its evidence. Append-only."""

    outcome = models.ForeignKey(
        Outcome,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="steps",
    )
    state = models.CharField(
        max_length=10, choices=[(one.value, one.value) for one in OutcomeState]
    )
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    evidence = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        """Read by outcome, in order."""

        indexes: ClassVar = [
            models.Index(fields=["organization_id", "outcome", "id"], name="outcomes_step_of")
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.at}"
