"""Shapes of the catalogue's answers, for the OpenAPI file."""

from typing import Any

from rest_framework import serializers


class BaseSourceSchema(serializers.Serializer[Any]):
    """Where the weights come from."""

    kind = serializers.ChoiceField(choices=["package", "hub", "directory"])
    name = serializers.CharField()
    note = serializers.CharField()


class TextsSchema(serializers.Serializer[Any]):
    """One text in every language of the page."""

    def get_fields(self) -> dict[str, Any]:
        """Name the fields by their language codes, which are no Python names."""
        return {"en": serializers.CharField(), "zh-Hans": serializers.CharField()}


class BaseModelSchema(serializers.Serializer[Any]):
    """A base of the catalogue."""

    id = serializers.CharField(help_text="The id to send as `model` of a fine-tuning job.")
    object = serializers.CharField(default="base_model")
    created = serializers.IntegerField(help_text="Unix seconds of its publication.")
    name = serializers.CharField()
    architecture = serializers.CharField()
    tasks = serializers.ListField(child=serializers.CharField())
    size_parameters = serializers.IntegerField()
    size_bytes = serializers.IntegerField(help_text="Of the weights as published.")
    memory_bytes = serializers.DictField(
        child=serializers.IntegerField(), help_text="About what a training takes, by tier."
    )
    languages = serializers.ListField(
        child=serializers.CharField(), help_text="ISO 639; `many` = about a hundred."
    )
    licence = serializers.CharField(allow_null=True)
    source = BaseSourceSchema()  # type: ignore[assignment] # a field, where the class has an argument
    max_length = serializers.IntegerField(allow_null=True)
    character = serializers.ChoiceField(choices=["fast", "balanced", "accurate"])
    summary = TextsSchema()
    choose = TextsSchema()
    present = serializers.BooleanField(help_text="Whether the weights are on this installation.")
    trainable = serializers.BooleanField(help_text="Whether this version trains the architecture.")
    usable = serializers.BooleanField(help_text="Whether a job can begin with it now.")
    in_catalogue = serializers.BooleanField()


class BaseModelListSchema(serializers.Serializer[Any]):
    """The catalogue, complete."""

    object = serializers.CharField(default="list")
    data = BaseModelSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property
    has_more = serializers.BooleanField()


class ReasonSchema(serializers.Serializer[Any]):
    """Why a base is recommended."""

    code = serializers.CharField()
    message = serializers.CharField()


class RecommendationSchema(serializers.Serializer[Any]):
    """A base, the tier to train it in, and why."""

    base = BaseModelSchema()
    tier = serializers.CharField()
    reasons = ReasonSchema(many=True)


class RecommendationListSchema(serializers.Serializer[Any]):
    """Recommendations, the best first."""

    object = serializers.CharField(default="list")
    data = RecommendationSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property
    has_more = serializers.BooleanField()
