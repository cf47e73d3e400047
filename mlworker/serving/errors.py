"""Refusals of the online path and of deployments."""

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound, PayloadTooLarge, RateLimited
from anneal.kernel.errors import Unavailable as KernelUnavailable


class ModelNotFound(NotFound):
    """`model` names nothing this organization may call."""

    code = "model_not_found"
    message = (
        "No model of that name: use a deployment's name, a fine-tuned model 'ft:...' or a shipped"
        " model such as 'sentiment-en'. GET /v1/models lists them."
    )


class InvalidJson(InvalidRequest):
    """The body is not JSON."""

    code = "invalid_json"
    message = "The body is not valid JSON in UTF-8."


class TextInvalid(InvalidRequest):
    """A text holds what no model can read."""

    code = "text_invalid"
    message = "A text holds a NUL character or half of a surrogate pair: remove it."


class TooManyItems(PayloadTooLarge):
    """More items than one call may carry."""

    code = "too_many_items"
    message = "One call takes at most 1,000 items: split the list."


class EngineUnavailable(KernelUnavailable):
    """No worker serves the base model at present."""

    code = "engine_unavailable"
    message = "No worker serves this model at present: try again shortly."


class DeadlineExceeded(KernelUnavailable):
    """The answer did not come within the deadline; nothing was charged."""

    code = "deadline_exceeded"
    message = "The answer took too long and nothing was charged: try again."


class Overloaded(RateLimited):
    """More waits than the workers answer in time; nothing was charged."""

    code = "overloaded"
    message = (
        "More of your calls wait than the workers can answer in time and nothing was charged: "
        "wait for Retry-After seconds and send fewer at once."
    )


class ModelNotLoaded(KernelUnavailable):
    """The weights could not be read; nothing was charged."""

    code = "model_not_loaded"
    message = (
        "The model's weights could not be loaded and nothing was charged: roll the deployment"
        " back or call another model, and ask the operator."
    )


class EngineFailed(KernelUnavailable):
    """The worker could not run the model; nothing was charged."""

    code = "engine_failed"
    message = (
        "The model could not be run and nothing was charged: try again, then ask the operator."
    )


class TrialLimited(RateLimited):
    """The anonymous trial is limited by address and by browser."""

    code = "trial_limited"
    message = "The free trial is used up for now: sign up for 1,000 free predictions, or wait."


class DeploymentNameTaken(Conflict):
    """The name is in use."""

    code = "deployment_name_taken"
    message = "This name is in use by another deployment or by a shipped model: choose another."


class DeploymentPaused(Conflict):
    """Somebody paused the deployment."""

    code = "deployment_paused"
    message = (
        "This deployment is paused and answers nothing; nothing was charged. Resume it under"
        " Deployments or with POST /v1/deployments/{id}/resume."
    )


class OutputUnfit(InvalidRequest):
    """The wanted output does not fit the model."""

    code = "output_unfit"
    message = "The model that answers has no such label or field, or two would get the same name."


class RulesUnfit(InvalidRequest):
    """The rules cannot be applied."""

    code = "rules_unfit"
    message = "A rule has a pattern with a word in it and a name of its own."


class ShadowUnfit(InvalidRequest):
    """The shadow cannot be compared with the model that answers."""

    code = "shadow_unfit"
    message = "A shadow is another model of the same task as the one that answers."


class LabelsDiffer(Conflict):
    """Programs that call the name would get other labels than they know."""

    code = "labels_differ"
    message = (
        "This model answers with other labels, or another task, than the one that answers now:"
        " send `force: true` if the programs that call it are ready."
    )


class NothingToPromote(Conflict):
    """There is neither a canary nor a model named."""

    code = "nothing_to_promote"
    message = "This deployment has no canary: name the model to promote."


class NothingToRollBack(Conflict):
    """The deployment never pointed anywhere else."""

    code = "nothing_to_roll_back"
    message = "This deployment has no earlier model to return to."
