"""Bodies of a deployment's output and rules."""

import math
from typing import Any, Final

from rest_framework import serializers

from mlworker.serving.contracts import OutputInfo, RuleInfo

MOST_LABELS: Final = 1_000
MOST_RULES: Final = 100
LABEL_LENGTH: Final = 200
PATTERN_LENGTH: Final = 200
NAME_LENGTH: Final = 64
FIELD_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"


class OutputSchema(serializers.Serializer[Any]):
    """What a deployment makes of its models' answers."""

    labels = serializers.DictField(
        child=serializers.CharField(max_length=LABEL_LENGTH),
        required=False,
        help_text="A label's name to the one that is shown.",
    )
    threshold = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        allow_null=True,
        help_text="For calls that give none.",
    )
    abstain_label = serializers.CharField(
        max_length=LABEL_LENGTH,
        required=False,
        allow_null=True,
        help_text="Shown, and charged, where no label reaches the threshold; else `label` is null.",
    )
    top_k = serializers.IntegerField(
        min_value=1,
        max_value=10_000,
        required=False,
        allow_null=True,
        help_text="For calls that give none.",
    )
    fields = serializers.DictField(  # type: ignore[assignment] # DRF's base class has a property of that name
        child=serializers.RegexField(
            FIELD_PATTERN,
            error_messages={"invalid": "Use letters, digits and _, no digit first, 64 at most."},
        ),
        required=False,
        help_text="An answer's field to the name it gets.",
    )

    def validate_threshold(self, threshold: float | None) -> float | None:
        """Refuse what is no number."""
        if threshold is not None and math.isnan(threshold):
            raise serializers.ValidationError("Give a number from 0 to 1.")
        return threshold

    def validate_labels(self, labels: dict[str, str]) -> dict[str, str]:
        """Refuse a mapping that no model has so many labels for."""
        if len(labels) > MOST_LABELS:
            raise serializers.ValidationError(f"At most {MOST_LABELS:,} labels.")
        return labels


class RuleSchema(serializers.Serializer[Any]):
    """One rule."""

    name = serializers.CharField(
        max_length=NAME_LENGTH, help_text="Told as `rule` in the answers that it decides."
    )
    pattern = serializers.CharField(
        max_length=PATTERN_LENGTH,
        help_text="Words in a row; `*` stands for whatever comes between, or ends a word: "
        "`refund*`, `order * late`. Case and punctuation do not matter.",
    )
    label = serializers.CharField(  # type: ignore[assignment] # DRF's base class has a method of that name
        max_length=LABEL_LENGTH
    )
    when = serializers.ChoiceField(
        choices=["before", "after"],
        default="before",
        help_text="`before`: the model is not asked; `after`: its answer is overruled.",
    )
    if_label = serializers.CharField(
        max_length=LABEL_LENGTH,
        required=False,
        allow_null=True,
        help_text="Of a rule after the model: where its answer is this label, as it is shown.",
    )


class RulesSchema(serializers.Serializer[Any]):
    """A deployment's rules, in the order in which they are tried."""

    rules = serializers.ListField(child=RuleSchema(), max_length=MOST_RULES)


def output_from(body: dict[str, Any]) -> OutputInfo:
    """Return the validated output as the service takes it."""
    return OutputInfo(
        labels=body.get("labels") or {},
        threshold=body.get("threshold"),
        abstain_label=body.get("abstain_label"),
        top_k=body.get("top_k"),
        fields=body.get("fields") or {},
    )


def rules_from(body: dict[str, Any]) -> list[RuleInfo]:
    """Return the validated rules as the service takes them."""
    return [RuleInfo(**rule) for rule in body["rules"]]
