"""Bodies of the deployment routes."""

from typing import Any

from rest_framework import serializers

from mlworker.serving.api.output_schemas import OutputSchema, RuleSchema
from mlworker.serving.contracts import CanaryInfo, ShadowInfo
from mlworker.serving.models import MODEL_LENGTH, NAME_PATTERN


class CanarySchema(serializers.Serializer[Any]):
    """A second model and its share of the calls."""

    model = serializers.CharField(max_length=MODEL_LENGTH)
    percent = serializers.IntegerField(min_value=1, max_value=99)


class ShadowSchema(serializers.Serializer[Any]):
    """A second model that runs beside the one that answers, and the share of the calls."""

    model = serializers.CharField(max_length=MODEL_LENGTH)
    percent = serializers.IntegerField(min_value=1, max_value=100)


class ShadowSetSchema(ShadowSchema):
    """`PUT /v1/deployments/{id}/shadow`."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


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
    force = serializers.BooleanField(
        required=False, default=False, help_text="Also where the labels of the answers change."
    )
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
    shadow = ShadowSchema(allow_null=True)
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
    shadow = ShadowSchema(allow_null=True)
    paused_at = serializers.IntegerField(
        allow_null=True, help_text="Since when calls are refused; null while they are answered."
    )
    revision = serializers.IntegerField()
    created_at = serializers.IntegerField()
    updated_at = serializers.IntegerField()


class SideSchema(serializers.Serializer[Any]):
    """What one model of a comparison has done."""

    model = serializers.CharField()
    calls = serializers.IntegerField()
    items = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Calls it did not answer, or not in time.")
    error_rate = serializers.FloatField(allow_null=True, help_text="Of its calls, 0 to 1.")
    inference_ms = serializers.FloatField(
        allow_null=True, help_text="Mean milliseconds of a call in the model."
    )
    inference_ms_p50 = serializers.FloatField(allow_null=True)
    inference_ms_p95 = serializers.FloatField(
        allow_null=True, help_text="Within a fifth: durations are counted by steps."
    )


class AnswerChangeSchema(serializers.Serializer[Any]):
    """An answer that the shadow gives otherwise."""

    before = serializers.CharField(allow_null=True, help_text="Null: none.")
    after = serializers.CharField(allow_null=True)
    items = serializers.IntegerField()


class ShadowSideSchema(SideSchema):
    """What the shadow has done, and how its answers differ."""

    skipped = serializers.IntegerField(
        help_text="Calls it was not given, since the installation was busy."
    )
    compared = serializers.IntegerField(help_text="Texts that both models answered.")
    agreement = serializers.FloatField(
        allow_null=True, help_text="Share of them with equal answers; null for numbers."
    )
    score_difference = serializers.FloatField(
        allow_null=True, help_text="Mean of its score (or number) minus the main model's."
    )
    score_difference_absolute = serializers.FloatField(allow_null=True)
    changes = AnswerChangeSchema(many=True)


class ComparisonSchema(serializers.Serializer[Any]):
    """The models of a deployment side by side, since the revision that put them there."""

    since_revision = serializers.IntegerField()
    main = SideSchema(allow_null=True)
    canary = SideSchema(allow_null=True)
    shadow = ShadowSideSchema(allow_null=True)


class DeploymentDetailSchema(DeploymentSchema):
    """A deployment with its history and its last comparisons, newest first."""

    compared_since = serializers.IntegerField(
        help_text="The revision with which the present comparison began."
    )
    output = OutputSchema()
    rules = RuleSchema(many=True)
    revisions = RevisionSchema(many=True)
    comparisons = ComparisonSchema(many=True)


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


def shadow_from(body: dict[str, Any]) -> ShadowInfo:
    """Return the validated shadow as the service takes it."""
    return ShadowInfo(model=body["model"], percent=body["percent"])
