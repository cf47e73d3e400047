"""Bodies of the prediction log's routes."""

from typing import Any

from rest_framework import serializers

from mlworker.predictions.contracts import COUNTED, DAYS, MOST_WORDS, TEXT_LENGTH, WORD_LENGTH
from mlworker.serving.contracts import REDACTABLE, LogInfo


class LogSetSchema(serializers.Serializer[Any]):
    """`PUT /v1/deployments/{id}/prediction_log`: all of it at once; the rest gets its default."""

    enabled = serializers.BooleanField()
    percent = serializers.IntegerField(
        min_value=1, max_value=100, default=100, help_text="Share of the calls that are kept."
    )
    days = serializers.IntegerField(
        min_value=DAYS[0], max_value=DAYS[1], default=30, help_text="How long rows are kept."
    )
    texts = serializers.BooleanField(
        default=True, help_text="Off: the answers alone are kept, no text."
    )
    redact = serializers.ListField(
        child=serializers.ChoiceField(choices=REDACTABLE),
        max_length=len(REDACTABLE),
        default=list(REDACTABLE),
        help_text="What is hidden in the texts before they are written; all kinds by default.",
    )
    words = serializers.ListField(
        child=serializers.CharField(max_length=WORD_LENGTH),
        max_length=MOST_WORDS,
        default=list,
        help_text="Own words to hide: `Jane Doe`, `KD-######` (# is a digit), `acme*`.",
    )


class LogDaySchema(serializers.Serializer[Any]):
    """What one day's calls left."""

    day = serializers.DateField()
    answered = serializers.IntegerField(help_text="Texts answered while the log was on.")
    kept = serializers.IntegerField()
    dropped = serializers.IntegerField(
        help_text="Texts that were to be kept and were not, since the installation was busy or the"
        " day's room was used up."
    )


class LogStateSchema(serializers.Serializer[Any]):
    """The settings, and what there is."""

    enabled = serializers.BooleanField()
    percent = serializers.IntegerField()
    days = serializers.IntegerField()
    texts = serializers.BooleanField()
    redact = serializers.ListField(child=serializers.ChoiceField(choices=REDACTABLE))
    words = serializers.ListField(child=serializers.CharField())
    rows = serializers.IntegerField(help_text=f"Rows kept now, counted up to {COUNTED:,}.")
    days_counted = LogDaySchema(many=True, help_text="The last 30 days with calls, newest first.")


class LoggedPredictionSchema(serializers.Serializer[Any]):
    """One answered text that was kept."""

    id = serializers.CharField(help_text="Feedback takes it.")
    object = serializers.CharField()
    deployment = serializers.CharField()
    model = serializers.CharField(help_text="The version that answered.")
    text = serializers.CharField(allow_null=True, help_text="Null where no texts are kept.")
    text_cut = serializers.BooleanField(help_text=f"Over {TEXT_LENGTH:,} characters long.")
    hidden = serializers.IntegerField(help_text="How many places of the text were hidden.")
    answer = serializers.DictField(
        help_text="As the call was answered, under the fields' own names; the best 10 scores."
    )
    labels = serializers.ListField(child=serializers.CharField())
    score = serializers.FloatField(
        allow_null=True,
        help_text="How sure the answer is: its score, or that of its least sure part.",
    )
    created_at = serializers.IntegerField()


class LoggedPredictionListSchema(serializers.Serializer[Any]):
    """A page of kept predictions."""

    object = serializers.CharField()
    data = LoggedPredictionSchema(many=True)  # type: ignore[assignment] # DRF's base class has a property of that name
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class LogDeletedSchema(serializers.Serializer[Any]):
    """The answer to forgetting all rows."""

    object = serializers.CharField()
    deployment = serializers.CharField()
    deleted = serializers.IntegerField(
        help_text=f"How many rows they were, counted up to {COUNTED:,}."
    )


class PredictionDeletedSchema(serializers.Serializer[Any]):
    """The answer to forgetting one row."""

    id = serializers.CharField()
    object = serializers.CharField()
    deleted = serializers.BooleanField()


def log_from(body: dict[str, Any]) -> LogInfo:
    """Return the validated settings as the service takes them."""
    return LogInfo(
        enabled=body["enabled"],
        percent=body["percent"],
        days=body["days"],
        texts=body["texts"],
        redact=tuple(kind for kind in REDACTABLE if kind in body["redact"]),
        words=tuple(dict.fromkeys(body["words"])),
    )
