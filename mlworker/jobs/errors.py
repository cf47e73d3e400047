"""Refusals of the jobs, and the codes a failed job carries."""

from typing import Final

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound


class JobNotFound(NotFound):
    """No job of this id in the organization."""

    message = "No such fine-tuning job."


class JobStateConflict(Conflict):
    """The job's state does not allow what was asked."""

    code = "fine_tuning_job_state"
    message = "The job's state does not allow this."


class HyperparameterInvalid(InvalidRequest):
    """A hyper-parameter is unknown or out of bounds."""

    code = "hyperparameter_invalid"


class TierUnsupported(InvalidRequest):
    """The tier is not offered."""

    code = "tier_unsupported"


class MethodUnsupported(InvalidRequest):
    """The training method is not offered for classification."""

    code = "method_unsupported"


class TrainingDataUnfit(InvalidRequest):
    """The data cannot train this: one class only, no rows, labels that differ."""

    code = "training_data_unfit"


class StudyUnfit(InvalidRequest):
    """Cross-validation or search cannot be done on this data or with these settings."""

    code = "study_unfit"


class OutcomeJobUnfit(InvalidRequest):
    """A job that its outcome contract cannot judge."""

    code = "outcome_job_unfit"
    message = (
        "A job under this outcome contract begins with the base and has the sealed rows' labels:"
        " leave continue_from out, or name a contract in force."
    )


class CrossValidationMissing(NotFound):
    """The job has no out-of-fold predictions (yet)."""

    code = "cross_validation_missing"
    message = (
        "This job has no finished cross-validation. Start one with cross_validation: {folds}, "
        "or wait until its folds are done."
    )


class MaxChargeExceeded(InvalidRequest):
    """The quote is above the price the caller accepts."""

    code = "max_charge_exceeded"


class ContinueFromNotFound(NotFound):
    """Neither an own model version nor a checkpoint that is still kept."""

    code = "continue_from_not_found"
    message = (
        "There is no such model version or checkpoint to continue from: GET /v1/models and "
        "GET /v1/fine_tuning/jobs/{id}/checkpoints list those there are. A failed job keeps none."
    )


class ContinueFromUnfit(InvalidRequest):
    """What is to be continued is of another base, tier or shape."""

    code = "continue_from_unfit"


class ModelContinued(Conflict):
    """An unfinished job begins with the model."""

    code = "model_in_use"
    message = "An unfinished fine-tuning job continues from this model: cancel it or wait."


class CheckpointNotFound(NotFound):
    """The job has no such checkpoint (any more)."""

    message = "No such checkpoint: GET /v1/fine_tuning/jobs/{id}/checkpoints lists those kept."


class CheckpointInUse(Conflict):
    """An unfinished job goes on from it, or begins with it."""

    code = "checkpoint_in_use"
    message = "An unfinished fine-tuning job needs this checkpoint: cancel the job or wait."


class LabelErrorsMissing(NotFound):
    """The job's rows have no one label each that could be wrong."""

    code = "label_errors_missing"
    message = (
        "Label errors are sought where each row has one label. "
        "out_of_fold.parquet has what each row was called, beside its label."
    )


class DatasetInUse(Conflict):
    """An unfinished job still needs the dataset."""

    code = "dataset_in_use"
    message = "An unfinished fine-tuning job uses this dataset: cancel it or wait."


WORKER_LOST: Final = "worker_lost"
"""Fault of a job whose worker stopped answering."""


class LeaseLost(Exception):
    """This worker no longer holds the job: cancelled, paused, taken back, or another's by now."""


FINAL_CODES: Final = frozenset({"diverged", "invalid_data", "invalid_config"})
"""Faults of the data or the settings: another attempt would end the same."""

STALLED_LIMIT: Final = 3
"""Attempts in a row that may end by fault without a new checkpoint."""
