"""Bodies of the deployment routes."""

from typing import Any

from rest_framework import serializers

from mlworker.serving.contracts import CanaryInfo
from mlworker.serving.models import MODEL_LENGTH, NAME_PATTERN


class CanarySchema(serializers.Serializer[Any]):
    """A second model and its share of the calls."""

    model = serializers.CharField(max_length=MODEL_LENGTH)
    percent = serializers.IntegerField(min_value=1, max_value=99)


class DeploymentCreateSchema(serializers.Serializer[Any]):
    """`POST /v1/deployments`."""

    name = serializers.RegexField(
        NAME_PATTERN,
        error_messages={"invalid": "Use 1 to 64 of the characters a-z, 0-9 and '-'."},
    )
    model = serializers.CharField(max_length=MODEL_LENGTH)
    canary = CanarySchema(required=False, allow_null=True)


class DeploymentPromoteSchema(serializers.Serializer[Any]):
    """`POST /v1/deployments/{id}/promote`: nothing (the canary wins), a model, or a canary."""

    model = serializers.CharField(max_length=MODEL_LENGTH, required=False)
    canary = CanarySchema(required=False, allow_null=True)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DeploymentRollbackSchema(serializers.Serializer[Any]):
    """`POST /v1/deployments/{id}/rollback`."""

    revision = serializers.IntegerField(min_value=1, max_value=2_000_000_000, required=False)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class DeploymentChangeSchema(serializers.Serializer[Any]):
    """`POST /v1/deployments/{id}/pause` and `/resume`."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class RevisionSchema(serializers.Serializer[Any]):
    """One entry of the history."""

    revision = serializers.IntegerField()
    model = serializers.CharField()
    canary = CanarySchema(allow_null=True)
    action = serializers.CharField()
    reason = serializers.CharField()
    actor = serializers.CharField()
    created_at = serializers.IntegerField()


class DeploymentSchema(serializers.Serializer[Any]):
    """A deployment."""

    id = serializers.CharField()
    object = serializers.CharField()
    name = serializers.CharField()
    model = serializers.CharField()
    canary = CanarySchema(allow_null=True)
    paused_at = serializers.IntegerField(
        allow_null=True, help_text="Since when calls are refused; null while they are answered."
    )
    revision = serializers.IntegerField()
    created_at = serializers.IntegerField()
    updated_at = serializers.IntegerField()


class DeploymentDetailSchema(DeploymentSchema):
    """A deployment with its history, newest first."""

    revisions = RevisionSchema(many=True)


class DeploymentListSchema(serializers.Serializer[Any]):
    """A page of deployments."""

    object = serializers.CharField()
    data = DeploymentSchema(many=True)  # type: ignore[assignment] # DRF's base class has a property of that name
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class DeploymentDeletedSchema(serializers.Serializer[Any]):
    """The answer to a deletion."""

    id = serializers.CharField()
    object = serializers.CharField()
    deleted = serializers.BooleanField()


def canary_from(body: dict[str, Any] | None) -> CanaryInfo | None:
    """Return the validated canary as the services take it."""
    return CanaryInfo(model=body["model"], percent=body["percent"]) if body else None
