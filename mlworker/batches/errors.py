"""Refusals of batches, and the codes that a failed batch or row carries."""

from anneal.kernel.errors import Conflict, InternalError, InvalidRequest, NotFound, PayloadTooLarge


class BatchNotFound(NotFound):
    """No batch of this id in the organization."""

    message = "No such batch."


class BatchStateConflict(Conflict):
    """The batch's state does not allow what was asked."""

    code = "batch_state"
    message = "The batch's state does not allow this."


class BatchesOpen(Conflict):
    """So many unfinished batches are enough."""

    code = "too_many_batches"
    message = "100 unfinished batches are the most: wait for one to end, or cancel one."


class BatchModelInUse(Conflict):
    """An unfinished batch runs on the model."""

    code = "model_in_use"
    message = "An unfinished batch runs on this model: cancel it or wait."


class BatchUnderContract(Conflict):
    """The deployment is paid by what comes of its online predictions."""

    code = "batch_under_contract"


class BatchFileUnfit(InvalidRequest):
    """The file cannot be read as what the batch says it is."""

    code = "batch_file_unfit"


class BatchFileEmpty(InvalidRequest):
    """There is no request in the file."""

    code = "batch_file_empty"
    message = "The file has no row: every line is blank."


class BatchTooLong(PayloadTooLarge):
    """More rows than a batch may have."""

    code = "batch_too_long"
    message = "A batch takes at most 1,000,000 rows: split the file."


class BatchInputGone(NotFound):
    """The input file was deleted before its rows were read."""

    code = "batch_input_gone"
    message = "The input file was deleted while the batch needed it: upload it again."


class RowInvalid(InvalidRequest):
    """One row of a batch cannot be answered; it does not end the batch."""

    code = "row_invalid"
    message = "This row cannot be read."


class BatchPartLost(InternalError):
    """An answer was stored and is not there any more."""

    code = "batch_part_lost"
    message = (
        "The stored answer is gone from this installation's storage, and was not charged: send the "
        "row again."
    )


class LeaseLost(Exception):
    """This worker no longer holds the batch."""
