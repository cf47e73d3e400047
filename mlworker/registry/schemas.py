"""Shapes of the registry's answers, for the OpenAPI file."""

from typing import Any

from rest_framework import serializers

from mlworker.registry.contracts import ExportFormat, Origin


class Bf16GateSchema(serializers.Serializer[Any]):
    """The same rows answered by this version in float32 and in bf16."""

    passed = serializers.BooleanField(help_text="Whether bf16 costs half a point at most.")
    rows = serializers.IntegerField()
    split = serializers.CharField(help_text="`test`, or `validation` where there was no test.")
    metric = serializers.CharField(help_text="The task's first figure; higher is better.")
    float32 = serializers.FloatField()
    bfloat16 = serializers.FloatField()
    changed = serializers.FloatField(
        allow_null=True,
        help_text="Share of the rows answered otherwise; null where answers are numbers.",
    )


class ModelSchema(serializers.Serializer[Any]):
    """A model object. Fields after ``kind`` depend on the kind."""

    id = serializers.CharField(help_text="The name to send as `model`.")
    object = serializers.CharField(default="model")
    created = serializers.IntegerField(help_text="Unix seconds.")
    owned_by = serializers.CharField()
    kind = serializers.ChoiceField(choices=["deployment", "fine_tuned", "shipped", "base"])
    base = serializers.CharField(required=False)
    tier = serializers.CharField(required=False)
    task = serializers.CharField(required=False)
    labels = serializers.ListField(child=serializers.CharField(), required=False)
    metrics = serializers.DictField(required=False)
    max_length = serializers.IntegerField(required=False)
    job_id = serializers.CharField(required=False)
    version_id = serializers.CharField(required=False)
    origin = serializers.ChoiceField(
        choices=[origin.value for origin in Origin], required=False, help_text="How it came to be."
    )
    stages = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Words that stand for this version among those of its suffix.",
    )
    export_formats = serializers.ListField(
        child=serializers.ChoiceField(choices=[form.value for form in ExportFormat]),
        required=False,
        help_text="Forms that an export of this version may have.",
    )
    precision = serializers.ChoiceField(
        choices=["float32", "bfloat16"],
        required=False,
        help_text="The number format that its gate and this installation's setting allow: a"
        " worker answers a `bfloat16` model in float32 where its processor has no units for it.",
    )
    bf16_gate = Bf16GateSchema(
        required=False, allow_null=True, help_text="What bf16 costs this model; null: not measured."
    )
    continuable = serializers.BooleanField(
        required=False,
        help_text="Whether a job may continue from it, on the same base and task.",
    )
    tasks = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="What a base can learn."
    )
    lineage = serializers.DictField(required=False)
    card = serializers.CharField(required=False, help_text="Model card, Markdown.")
    name = serializers.CharField(required=False, help_text="A base's name for people.")
    architecture = serializers.CharField(required=False)
    size_parameters = serializers.IntegerField(required=False)
    languages = serializers.ListField(child=serializers.CharField(), required=False)
    licence = serializers.CharField(required=False)
    summary = serializers.CharField(required=False)
    present = serializers.BooleanField(
        required=False, help_text="Whether a base's weights are on this installation."
    )


class ModelListSchema(serializers.Serializer[Any]):
    """A list of models, complete."""

    object = serializers.CharField(default="list")
    data = ModelSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property
    has_more = serializers.BooleanField()


class ModelDeletedSchema(serializers.Serializer[Any]):
    """The answer of a deletion."""

    id = serializers.CharField()
    object = serializers.CharField(default="model")
    deleted = serializers.BooleanField()
