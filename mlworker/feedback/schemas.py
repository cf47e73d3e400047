"""Bodies of the feedback routes."""

from typing import Any

from rest_framework import serializers

from mlworker.feedback.models import MAX_COMMENT, MAX_LABEL, RATINGS


class FeedbackGiveSchema(serializers.Serializer[Any]):
    """`POST /v1/feedback`: at least one of label, rating and comment."""

    prediction = serializers.CharField(max_length=64)
    label = serializers.CharField(max_length=MAX_LABEL, required=False, allow_null=True)  # type: ignore[assignment] # DRF's base class has a method of that name
    rating = serializers.IntegerField(
        min_value=RATINGS[0], max_value=RATINGS[1], required=False, allow_null=True
    )
    comment = serializers.CharField(
        max_length=MAX_COMMENT, required=False, allow_blank=True, default=""
    )


class FeedbackSchema(serializers.Serializer[Any]):
    """One judgement."""

    id = serializers.CharField()
    object = serializers.CharField()
    prediction = serializers.CharField()
    model = serializers.CharField()
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
