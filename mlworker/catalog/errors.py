"""Refusals of the catalogue."""

from anneal.kernel.errors import InvalidRequest, NotFound


class BaseModelUnknown(NotFound):
    """No card has this id."""

    code = "base_model_not_found"
    message = "No such base model: GET /v1/models lists those of this installation."


class BaseModelAbsent(InvalidRequest):
    """The card exists, its weights are not on this installation."""

    code = "base_model_absent"
    message = "The weights of this base model are not on this installation."


class BaseModelUntrainable(InvalidRequest):
    """The engine does not know the architecture yet."""

    code = "base_model_untrainable"
