"""Refusals of the registry."""

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound, Unavailable


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


class ExportNotFound(NotFound):
    """The model can be seen; it has no such export."""

    message = "This model has no such export: GET /v1/models/{model}/exports lists them."


class ExportImpossible(InvalidRequest):
    """The version has not this form."""

    code = "export_impossible"
    message = "This model cannot be exported in this format."


class ExportRunning(Conflict):
    """It is being made at this moment."""

    code = "export_running"
    message = "The export is being made: delete it when it has ended."


class ExportNotReady(Conflict):
    """There is no file yet, or never will be."""

    code = "export_not_ready"
    message = "There is no file to download yet: wait until 'status' is 'ready'."


class ModelInUse(Conflict):
    """Something still needs the version; the message names it."""

    code = "model_in_use"
    message = "Something still uses this model."


class StageNotFound(NotFound):
    """The version does not have this stage."""

    message = "This model does not have that stage."


class ImportRefused(InvalidRequest):
    """What was uploaded is not taken in; the message names the file or the key."""

    code = "import_refused"
    message = "This folder cannot be imported."
