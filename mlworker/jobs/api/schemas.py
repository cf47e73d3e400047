"""Shapes of the jobs' answers, for the OpenAPI file."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from mlworker.jobs.api.study_schemas import CrossValidationSchema, SearchSchema
from mlworker.jobs.states import JobState, Phase


def list_parameters() -> list[OpenApiParameter]:
    """Return what every list takes."""
    return [
        OpenApiParameter("after", str, description="Id of the last object of the page before."),
        OpenApiParameter("limit", int, description="1 to 100, 20 by default."),
    ]


class ProgressSchema(serializers.Serializer[Any]):
    """How far a job is."""

    step = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    epoch = serializers.FloatField()
    epochs = serializers.IntegerField(required=False)
    rows_per_second = serializers.FloatField(allow_null=True)
    tokens_per_second = serializers.FloatField(required=False, allow_null=True)
    learning_rate = serializers.FloatField(required=False, allow_null=True)
    memory_bytes = serializers.IntegerField(
        required=False, allow_null=True, help_text="What the trainer's process holds now."
    )
    device = serializers.CharField(required=False, help_text="`cpu`, or an accelerator's name.")
    eta_seconds = serializers.FloatField(allow_null=True)
    train_loss = serializers.FloatField(required=False, allow_null=True)
    trained_tokens = serializers.IntegerField(required=False)
    seconds = serializers.FloatField(required=False)
    part = serializers.CharField(
        required=False, allow_blank=True, help_text="Part of a study at work: `fold 2/5`."
    )
    early_stopped = serializers.BooleanField(required=False)


class JobWarningSchema(serializers.Serializer[Any]):
    """What went otherwise than one would expect."""

    code = serializers.CharField()
    message = serializers.CharField(help_text="English; `code` and `data` say the same.")
    data = serializers.DictField()  # type: ignore[assignment] # a field, where the class has a property


class JobErrorSchema(serializers.Serializer[Any]):
    """Why a job failed."""

    code = serializers.CharField()
    message = serializers.CharField()
    param = serializers.CharField(allow_null=True)


class JobSchema(serializers.Serializer[Any]):
    """``fine_tuning.job``."""

    id = serializers.CharField()
    object = serializers.CharField(default="fine_tuning.job")
    created_at = serializers.IntegerField()
    started_at = serializers.IntegerField(allow_null=True)
    finished_at = serializers.IntegerField(allow_null=True)
    estimated_finish = serializers.IntegerField(allow_null=True)
    model = serializers.CharField()
    fine_tuned_model = serializers.CharField(allow_null=True)
    organization_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[state.value for state in JobState])
    phase = serializers.ChoiceField(choices=[phase.value for phase in Phase])
    pausing = serializers.BooleanField()
    is_terminal = serializers.BooleanField()
    hyperparameters = serializers.DictField()
    method = serializers.DictField()
    tier = serializers.CharField()
    preset = serializers.CharField(allow_null=True)
    task = serializers.CharField(allow_null=True)
    seed = serializers.IntegerField()
    suffix = serializers.CharField(allow_null=True)
    user_provided_suffix = serializers.CharField(allow_null=True)
    training_file = serializers.CharField()
    validation_file = serializers.CharField(allow_null=True)
    dataset_version = serializers.CharField(allow_null=True)
    result_files = serializers.ListField(child=serializers.CharField())
    integrations = serializers.ListField(child=serializers.DictField())
    metadata = serializers.DictField(child=serializers.CharField())
    trained_tokens = serializers.IntegerField(allow_null=True)
    quoted_tokens = serializers.IntegerField(allow_null=True)
    max_charge = serializers.CharField(allow_null=True)
    cross_validation = CrossValidationSchema(allow_null=True)
    search = SearchSchema(allow_null=True)
    attempt = serializers.IntegerField()
    continue_from = serializers.CharField(allow_null=True)
    outcome_contract = serializers.CharField(allow_null=True)
    stops_at_tokens = serializers.IntegerField(
        allow_null=True, help_text="Where `max_charge` ends the training; null = at its end."
    )
    queue_position = serializers.IntegerField(allow_null=True)
    estimated_start = serializers.IntegerField(
        allow_null=True, help_text="When a queued job starts, about; Unix seconds."
    )
    progress = ProgressSchema()
    metrics = serializers.DictField()
    warnings = JobWarningSchema(many=True)
    error = JobErrorSchema(allow_null=True)


class EventSchema(serializers.Serializer[Any]):
    """``fine_tuning.job.event``."""

    id = serializers.CharField()
    object = serializers.CharField(default="fine_tuning.job.event")
    created_at = serializers.IntegerField()
    level = serializers.ChoiceField(choices=["info", "warn", "error"])
    type = serializers.ChoiceField(choices=["message", "metrics"])
    code = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment] # a field, where the class has a property


class CheckpointSchema(serializers.Serializer[Any]):
    """``fine_tuning.job.checkpoint``."""

    id = serializers.CharField()
    object = serializers.CharField(default="fine_tuning.job.checkpoint")
    created_at = serializers.IntegerField()
    fine_tuning_job_id = serializers.CharField()
    fine_tuned_model_checkpoint = serializers.CharField()
    step_number = serializers.IntegerField()
    epoch = serializers.FloatField()
    metrics = serializers.DictField()
    bytes = serializers.IntegerField(help_text="Counted as stored until it is deleted.")
    continuable = serializers.BooleanField(
        help_text="Whether a job can `continue_from` it: not where it holds a fold or a trial."
    )


class CheckpointDeletedSchema(serializers.Serializer[Any]):
    """The answer of a deletion."""

    id = serializers.CharField()
    object = serializers.CharField(default="fine_tuning.job.checkpoint")
    deleted = serializers.BooleanField()


class SuccessFeeSchema(serializers.Serializer[Any]):
    """What the outcome contract asks for if the model wins, beside the price."""

    contract = serializers.CharField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    held = serializers.BooleanField(
        help_text="It is set aside when the job is submitted; else the next invoice asks for it."
    )


class EstimateSchema(serializers.Serializer[Any]):
    """What a job would cost and take."""

    object = serializers.CharField(default="fine_tuning.job.estimate")
    trained_tokens = serializers.IntegerField()
    price = serializers.CharField(
        help_text="Decimal: the most that what grants do not cover can cost."
    )
    currency = serializers.CharField(help_text="The account's; of the price list without money.")
    seconds_p50 = serializers.FloatField()
    seconds_p90 = serializers.FloatField()
    allowed = serializers.BooleanField()
    reason = serializers.CharField(allow_null=True)
    exact = serializers.BooleanField(help_text="False: a sample of the rows was counted.")
    measured_jobs = serializers.IntegerField(
        help_text="Jobs of this installation whose speed the seconds go by; 0: a built-in figure."
    )
    device = serializers.CharField(allow_null=True, help_text="What those jobs ran on.")
    stops_at_tokens = serializers.IntegerField(
        allow_null=True, help_text="Where `max_charge` would end the training; null = at its end."
    )
    warnings = JobWarningSchema(many=True)
    success_fee = SuccessFeeSchema(
        allow_null=True, help_text="Null for a job without an outcome contract."
    )


class _ListSchema(serializers.Serializer[Any]):
    object = serializers.CharField(default="list")
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class JobListSchema(_ListSchema):
    """A page of jobs."""

    data = JobSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property


class EventListSchema(_ListSchema):
    """A page of events."""

    data = EventSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property


class CheckpointListSchema(_ListSchema):
    """A page of checkpoints."""

    data = CheckpointSchema(many=True)  # type: ignore[assignment] # a field, where the class has a property
