"""Tables of the batches.

The batch's row is the lock of all that belongs to it. A chunk's row says that its answers are in
storage and paid: both are written in one transaction, after the bytes.
"""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel
from mlworker.batches.states import OPEN, TERMINAL, BatchState, Form


class Batch(TenantModel):
    """One batch. ``fence`` and ``lease_until`` say who may write as its worker, and how long."""

    organization_slug = models.CharField(max_length=32)
    """Immutable, kept here so that a worker can name the organization without its table."""
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in BatchState])
    form = models.CharField(max_length=10, choices=[(f.value, f.value) for f in Form])
    created_by = models.CharField(max_length=254)
    api_key_id = models.UUIDField(null=True)
    member_id = models.UUIDField(null=True)
    """Who asked for it: their budgets count it."""

    endpoint = models.CharField(max_length=40)
    model = models.CharField(max_length=200, blank=True, default="")
    """What the file or the call names; for a batch of requests known once they are read."""
    serves = models.JSONField(default=dict)
    """What ``model`` stood for when the file was read: all chunks run on that."""
    version_name = models.CharField(max_length=200, blank=True, default="")
    text_column = models.CharField(max_length=1000, blank=True, default="")
    table = models.JSONField(default=dict)
    """Of a table: its ``kind``, its ``columns``, and those ``added`` for the answers."""
    window_hours = models.PositiveSmallIntegerField()
    metadata = models.JSONField(default=dict)

    input_file_id = models.UUIDField()
    output_file_id = models.UUIDField(null=True)
    error_file_id = models.UUIDField(null=True)

    total = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    items = models.PositiveIntegerField(default=0)
    """Texts to be answered: a request may have many."""
    charged = models.PositiveIntegerField(default=0)
    chunks = models.PositiveIntegerField(default=0)
    hold_id = models.UUIDField(null=True)
    errors = models.JSONField(default=list)
    """Why it failed: OpenAI's ``{code, message, param, line}``."""

    revision = models.PositiveIntegerField(default=1)
    """Counts what readers of the stream have not seen."""
    fence = models.PositiveIntegerField(default=0)
    storing_fence = models.PositiveIntegerField(default=0)
    """The one claim whose worker may have stored what no row names; 0 for none."""
    stalled = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=200, blank=True, default="")

    expires_at = models.DateTimeField()
    moments = models.JSONField(default=dict)
    """When each state was reached, in Unix seconds."""
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """Indexes of the claim and the list; a finished batch is a terminal one."""

        verbose_name_plural = "batches"

        indexes: ClassVar = [
            models.Index(
                fields=["claimed_at", "id"],
                condition=models.Q(finished_at__isnull=True),
                name="batches_batch_open",
            ),
            models.Index(fields=["organization_id", "-id"], name="batches_batch_newest"),
            models.Index(fields=["organization_id", "claimed_at"], name="batches_batch_served"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(TERMINAL), finished_at__isnull=False)
                | models.Q(state__in=sorted(OPEN), finished_at__isnull=True),
                name="batches_batch_finished_is_terminal",
            ),
            models.CheckConstraint(
                condition=models.Q(completed__lte=models.F("total") - models.F("failed")),
                name="batches_batch_counts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"


class BatchChunk(TenantModel):
    """Requests that were answered together: where their lines lie, and how many they are."""

    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )
    number = models.PositiveIntegerField()
    requests = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    items = models.PositiveIntegerField()
    output_key = models.CharField(max_length=400, blank=True, default="")
    error_key = models.CharField(max_length=400, blank=True, default="")

    class Meta(TenantModel.Meta):
        """A number is given once: so a chunk is charged and delivered once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "batch", "number"], name="batches_chunk_number"
            ),
        ]

    def __str__(self) -> str:
        return f"chunk {self.number}"
