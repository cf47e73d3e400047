"""Shapes of cross-validation, search and label errors, for the OpenAPI file."""

from typing import Any

from rest_framework import serializers

_FIGURES = "The task's own figures by name, and `loss`."


class FoldSchema(serializers.Serializer[Any]):
    """One fold, judged on the rows it has not seen."""

    fold = serializers.IntegerField()
    rows = serializers.IntegerField()
    metrics = serializers.DictField(child=serializers.FloatField(), help_text=_FIGURES)
    seconds = serializers.FloatField()


class ThresholdSchema(serializers.Serializer[Any]):
    """The score from which calling a label gives the best F1."""

    threshold = serializers.FloatField()
    f1 = serializers.FloatField()
    precision = serializers.FloatField()
    recall = serializers.FloatField()


class CalibrationSchema(serializers.Serializer[Any]):
    """Temperature and thresholds from the out-of-fold predictions."""

    temperature = serializers.FloatField()
    applied = serializers.BooleanField(help_text="Whether the model's scores are divided by it.")
    ece_before = serializers.FloatField()
    ece_after = serializers.FloatField()
    thresholds = serializers.DictField(child=ThresholdSchema(), help_text="By label.")


class FoldsResultSchema(serializers.Serializer[Any]):
    """What the folds done so far have shown."""

    folds = FoldSchema(many=True)
    mean = serializers.DictField(child=serializers.FloatField(), help_text=_FIGURES)
    deviation = serializers.DictField(child=serializers.FloatField(), help_text="Of a sample.")
    label_errors = serializers.IntegerField(
        allow_null=True, help_text="null before the end, and in tasks without one label a row."
    )
    calibration = CalibrationSchema(
        allow_null=True, help_text="null before the end, and in tasks without one label a row."
    )


class CrossValidationSchema(serializers.Serializer[Any]):
    """Cross-validation, as asked for and as far as it has come."""

    folds = serializers.IntegerField()
    result = FoldsResultSchema(allow_null=True, help_text="Left out in lists.")


class TrialSchema(serializers.Serializer[Any]):
    """One configuration that was tried."""

    number = serializers.IntegerField()
    stage = serializers.ChoiceField(choices=["cached", "full"])
    state = serializers.ChoiceField(choices=["complete", "pruned", "diverged"])
    params = serializers.DictField()
    loss = serializers.FloatField(allow_null=True)
    accuracy = serializers.FloatField()
    value = serializers.FloatField(help_text="What is compared: the loss, and a little per block.")
    seconds = serializers.FloatField()


class SearchResultSchema(serializers.Serializer[Any]):
    """Everything that was tried so far, in order, and the best of it."""

    tried = TrialSchema(many=True)
    best = serializers.DictField(allow_null=True)


class SearchSchema(serializers.Serializer[Any]):
    """A search, as asked for and as far as it has come."""

    trials = serializers.IntegerField()
    max_charge = serializers.CharField(allow_null=True)
    full_runs = serializers.IntegerField(required=False)
    result = SearchResultSchema(allow_null=True, help_text="Left out in lists.")


class LabelErrorSchema(serializers.Serializer[Any]):
    """A training row whose label is likely wrong."""

    row = serializers.IntegerField()
    fold = serializers.IntegerField()
    label = serializers.CharField()  # type: ignore[assignment] # a field, where the class has a property
    suggested = serializers.CharField()
    quality = serializers.FloatField(help_text="0 to 1; the lower, the likelier it is wrong.")
    label_score = serializers.FloatField(help_text="What the given label was given.")
    score = serializers.FloatField(help_text="What the highest label was given.")
    text = serializers.CharField(allow_null=True)


class LabelErrorListSchema(serializers.Serializer[Any]):
    """A page of likely label errors, the likeliest first."""

    object = serializers.CharField(default="list")
    data = LabelErrorSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()
    dataset_deleted = serializers.BooleanField()
