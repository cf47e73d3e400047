"""What the jobs' calls take."""

import math
from typing import Any, Final

from rest_framework import serializers

from mlworker.engine.study.cost import LEAST_FOLDS, LEAST_TRIALS, MOST_FOLDS, MOST_TRIALS
from mlworker.jobs.contracts import JobRequest, StudyRequest
from mlworker.jobs.services.submit import MAX_SEED
from mlworker.registry.naming import SUFFIX_PATTERN

MAX_METADATA: Final = 16
_MAX_KEY: Final = 64
_MAX_VALUE: Final = 512
_MAX_HYPERPARAMETERS: Final = 64


class HyperparametersField(serializers.DictField):
    """Names with numbers or words; objects and lists have no place here."""

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        """Refuse what no hyper-parameter can be."""
        values = super().to_internal_value(data)
        if len(values) > _MAX_HYPERPARAMETERS:
            raise serializers.ValidationError("Too many hyper-parameters.")
        for name, value in values.items():
            if isinstance(value, dict | list) or (
                isinstance(value, float) and not math.isfinite(value)
            ):
                raise serializers.ValidationError({name[:_MAX_KEY]: "Must be 'auto' or a value."})
        return values


class MetadataField(serializers.DictField):
    """OpenAI's metadata: up to 16 pairs of short texts."""

    child = serializers.CharField(max_length=_MAX_VALUE, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        """Refuse more or longer keys."""
        values = super().to_internal_value(data)
        if len(values) > MAX_METADATA or any(len(name) > _MAX_KEY for name in values):
            raise serializers.ValidationError(
                f"At most {MAX_METADATA} pairs, keys of at most {_MAX_KEY} characters."
            )
        return values


class CrossValidationSerializer(serializers.Serializer[Any]):
    """Folds before the model is trained."""

    folds = serializers.IntegerField(
        min_value=LEAST_FOLDS, max_value=MOST_FOLDS, help_text="Parts the training rows are cut in."
    )


class SearchSerializer(serializers.Serializer[Any]):
    """A search for better hyper-parameters before the model is trained."""

    trials = serializers.IntegerField(
        min_value=LEAST_TRIALS,
        max_value=MOST_TRIALS,
        help_text="Configurations tried on cached features; tiers lora and full then train the "
        "best few in full.",
    )
    max_charge = serializers.DecimalField(
        max_digits=20,
        decimal_places=6,
        min_value=0,
        required=False,
        allow_null=True,
        help_text="Largest price of the search alone, by the price list: fewer full runs are made "
        "to stay below it.",
    )


class JobRequestSerializer(serializers.Serializer[Any]):
    """The body of create and estimate. ``"auto"`` stands for a default anywhere."""

    model = serializers.CharField(max_length=200, help_text="Id of a base model: `minilm-l6`.")
    training_file = serializers.CharField(
        max_length=64, help_text="Id of a file, a dataset or a dataset version."
    )
    validation_file = serializers.CharField(max_length=64, required=False, allow_null=True)
    suffix = serializers.RegexField(
        SUFFIX_PATTERN,
        max_length=64,
        required=False,
        allow_null=True,
        help_text="Part of the new model's name: letters, digits, `_`, `-`, `.`.",
    )
    seed = serializers.IntegerField(
        min_value=0, max_value=MAX_SEED - 1, required=False, allow_null=True
    )
    tier = serializers.CharField(
        max_length=40, default="auto", help_text="`auto`, `head`, `lora` or `full`."
    )
    preset = serializers.CharField(
        max_length=16,
        required=False,
        allow_null=True,
        help_text="`quick`, `balanced` or `best`: a set of values; what is given beside it wins.",
    )
    method = serializers.DictField(required=False, allow_null=True)
    hyperparameters = HyperparametersField(required=False, allow_null=True)
    metadata = MetadataField(required=False, allow_null=True)
    max_charge = serializers.DecimalField(
        max_digits=20,
        decimal_places=6,
        min_value=0,
        required=False,
        allow_null=True,
        help_text="Most money the job may cost beyond grants, in the account's currency: a "
        "training that would cost more ends there, with the best weights found until then.",
    )
    continue_from = serializers.CharField(
        max_length=200,
        required=False,
        allow_null=True,
        help_text="Own model version (`ft:...`) or checkpoint (`ftckpt-...`) to begin with: same "
        "base; its tier and the shape of its weights are taken over. Not together with"
        " `cross_validation` or `search`, which begin with the base (400 `study_unfit`).",
    )
    outcome_contract = serializers.CharField(
        max_length=40,
        required=False,
        allow_null=True,
        help_text="A success fee's contract (`oc_...`): its sealed rows test the model, and they "
        "may be neither in the training rows nor in the validation rows.",
    )
    cross_validation = CrossValidationSerializer(required=False, allow_null=True)
    search = SearchSerializer(required=False, allow_null=True)

    def validate_method(self, value: dict[str, Any] | None) -> dict[str, Any]:
        """Read OpenAI's ``{"type": "supervised", "supervised": {"hyperparameters": {}}}``."""
        method = value or {}
        kind = method.get("type", "supervised")
        if not isinstance(kind, str):
            raise serializers.ValidationError({"type": "Must be a text."})
        inner = method.get(kind) or {}
        values = inner.get("hyperparameters") or {} if isinstance(inner, dict) else None
        if not isinstance(values, dict):
            raise serializers.ValidationError({kind[:40]: "Must be an object."})
        field = HyperparametersField()
        return {"type": kind, "hyperparameters": field.run_validation(values)}


def job_request(data: dict[str, Any]) -> JobRequest:
    """Turn validated data into the service's request. The method's settings win, as at OpenAI."""
    method = data.get("method") or {"type": "supervised", "hyperparameters": {}}
    return JobRequest(
        model=data["model"],
        training_file=data["training_file"],
        validation_file=data.get("validation_file") or "",
        suffix=data.get("suffix") or "",
        seed=data.get("seed"),
        tier=data.get("tier") or "auto",
        preset=data.get("preset") or "",
        method=method["type"],
        hyperparameters={**(data.get("hyperparameters") or {}), **method["hyperparameters"]},
        metadata=data.get("metadata") or {},
        max_charge=data.get("max_charge"),
        continue_from=data.get("continue_from") or "",
        outcome_contract=data.get("outcome_contract") or "",
        study=_study(data),
    )


def _study(data: dict[str, Any]) -> StudyRequest:
    folds, search = data.get("cross_validation") or {}, data.get("search") or {}
    return StudyRequest(
        folds=folds.get("folds", 0),
        trials=search.get("trials", 0),
        max_charge=search.get("max_charge"),
    )
