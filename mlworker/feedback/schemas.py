"""Bodies of the feedback routes."""

from typing import Any

from rest_framework import serializers

from mlworker.feedback.models import MAX_COMMENT, MAX_LABEL, RATINGS

MAX_PARTS = 1_000
MAX_VALUE = 1e30


class EntitySchema(serializers.Serializer[Any]):
    """A span that should have been found; offsets count characters, the end is not included."""

    start = serializers.IntegerField(min_value=0)
    end = serializers.IntegerField(min_value=1)
    label = serializers.CharField(max_length=MAX_LABEL)  # type: ignore[assignment] # DRF's base class has a method of that name

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse spans of nothing."""
        if attrs["end"] <= attrs["start"]:
            raise serializers.ValidationError({"end": "It has to be above start."})
        return attrs


class _Answers(serializers.Serializer[Any]):
    """Right answers of tasks that have no single label."""

    labels = serializers.ListField(
        child=serializers.CharField(max_length=MAX_LABEL),
        max_length=MAX_PARTS,
        required=False,
        allow_null=True,
        help_text="multi_label_classification: all labels that are right; [] for none.",
    )
    entities = serializers.ListField(
        child=EntitySchema(),
        max_length=MAX_PARTS,
        required=False,
        allow_null=True,
        help_text="token_classification: all spans that are right; [] for none.",
    )
    value = serializers.FloatField(
        min_value=-MAX_VALUE,
        max_value=MAX_VALUE,
        required=False,
        allow_null=True,
        help_text="regression: the right number.",
    )


class FeedbackGiveSchema(_Answers):
    """`POST /v1/feedback`: a right answer in the field of the prediction's task, a rating or a
    comment; at least one of them."""

    prediction = serializers.CharField(max_length=64)
    label = serializers.CharField(  # type: ignore[assignment] # DRF's base class has a method of that name
        max_length=MAX_LABEL, required=False, allow_null=True, help_text="text_classification."
    )
    rating = serializers.IntegerField(
        min_value=RATINGS[0], max_value=RATINGS[1], required=False, allow_null=True
    )
    comment = serializers.CharField(
        max_length=MAX_COMMENT, required=False, allow_blank=True, default=""
    )


class FeedbackSchema(_Answers):
    """One judgement."""

    id = serializers.CharField()
    object = serializers.CharField()
    prediction = serializers.CharField()
    model = serializers.CharField()
    text = serializers.CharField(
        allow_null=True, help_text="The text, where it is in the prediction log; else null."
    )
    label = serializers.CharField(allow_null=True)  # type: ignore[assignment] # DRF's base class has a method of that name
    rating = serializers.IntegerField(allow_null=True)
    comment = serializers.CharField()
    created_at = serializers.IntegerField()
    updated_at = serializers.IntegerField()


class FeedbackListSchema(serializers.Serializer[Any]):
    """A page of feedback."""

    object = serializers.CharField()
    data = FeedbackSchema(many=True)  # type: ignore[assignment] # DRF's base class has a property of that name
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()
