"""Refusals of the registry."""

from anneal.kernel.errors import Conflict, NotFound, Unavailable


class ModelNotFound(NotFound):
    """No model of this name can be seen by the caller."""

    message = "No such model: GET /v1/models lists the names you may use."


class ModelNotDeletable(Conflict):
    """Base and shipped models belong to the installation."""

    code = "model_not_deletable"
    message = "Only your own fine-tuned models can be deleted."


class EvaluationMissing(NotFound):
    """The model can be seen; a report of it was never made."""

    code = "evaluation_missing"
    message = (
        "This model has no evaluation report: every fine-tuning job writes one at its end, so "
        "train it again to get one."
    )


class ArtifactCorrupt(Unavailable):
    """The stored bytes are not those that were registered."""

    code = "artifact_corrupt"
    message = "The model's stored files do not match their checksum."
