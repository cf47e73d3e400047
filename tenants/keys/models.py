"""The table of keys. Class: system; the app role sees and changes the open organization's rows."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from anneal.kernel.models import SystemModel
from tenants.keys.contracts import LIMIT_MOST


class KeyKind(models.TextChoices):
    """A key a person made, or the hourly one of the web page."""

    API = "api", "API key"
    SESSION = "session", "Session key"


class ApiKey(SystemModel):
    """A key's facts. Of its text only sha256, prefix and last four characters remain."""

    tenant_column = "organization_id"

    organization = models.ForeignKey(
        "accounts.Organization", on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=KeyKind.choices, default=KeyKind.API)
    digest = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=12)
    last4 = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=20))
    created_by = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    session = models.CharField(max_length=40, blank=True, default="")
    """Of a session key, the browser's session: the look-up refuses the key once that has ended."""
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    calls_in_flight = models.PositiveIntegerField(null=True, blank=True)

    class Meta(SystemModel.Meta):
        indexes: ClassVar = [
            models.Index(fields=["organization", "-id"], name="keys_apikey_organization"),
            models.Index(fields=["created_by"], name="keys_apikey_created_by"),
        ]
        constraints: ClassVar = [
            # A key that may do nothing is revoked, not limited to 0.
            models.CheckConstraint(
                condition=models.Q(requests_per_minute__range=(1, LIMIT_MOST)),
                name="keys_apikey_requests_per_minute_range",
            ),
            models.CheckConstraint(
                condition=models.Q(calls_in_flight__range=(1, LIMIT_MOST)),
                name="keys_apikey_calls_in_flight_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}...{self.last4}"
