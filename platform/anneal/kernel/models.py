"""The three classes of table, and the kernel's own rows: outbox, idempotency, audit."""

from typing import Any, ClassVar

from django.db import models

from anneal.kernel.ids import uuid7
from anneal.kernel.queries import SystemManager, TenantManager, organization_fill


class GlobalModel(models.Model):
    """A table every organization may read: the catalogue, prices, users."""

    table_class: ClassVar[str] = "global"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class SystemModel(models.Model):
    """A table of the installation, closed to tenants unless ``tenant_column`` names a column.

    That column holds the organization whose rows a tenant may see; the table's policy says the
    same to Postgres.
    """

    table_class: ClassVar[str] = "system"
    tenant_column: ClassVar[str | None] = None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[SystemManager[Any]] = SystemManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class TenantModel(models.Model):
    """A row that belongs to one organization. The foreign key is made by TenantTable."""

    table_class: ClassVar[str] = "tenant"
    tenant_column: ClassVar[str] = "organization_id"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[TenantManager[Any]] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save in the open scope; a new row takes the scope's organization."""
        organization_fill(self)
        super().save(*args, **kwargs)


class OutboxMessage(SystemModel):
    """A Celery message that leaves only if its transaction commits."""

    task = models.CharField(max_length=200)
    queue = models.CharField(max_length=50)
    payload = models.JSONField(default=dict)
    claimed_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta(SystemModel.Meta):
        indexes = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(sent_at__isnull=True),
                name="kernel_outbox_unsent",
            )
        ]

    def __str__(self) -> str:
        return f"{self.task} on {self.queue}"


class IdempotencyRecord(TenantModel):
    """The stored answer of a POST, for its Idempotency-Key."""

    method = models.CharField(max_length=10)
    path = models.CharField(max_length=500)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    response = models.TextField()
    """The answer's JSON as text: jsonb would reorder its keys, and a replay is the same bytes."""

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization_id", "method", "path", "key"], name="kernel_idempotency_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"


class AuditEvent(TenantModel):
    """Who changed what. Append-only: the application's role may neither update nor delete it."""

    action = models.CharField(max_length=100)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    target = models.CharField(max_length=254)
    detail = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        indexes = [models.Index(fields=["organization_id", "-id"], name="kernel_audit_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"
