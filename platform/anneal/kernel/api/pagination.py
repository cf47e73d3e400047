"""Lists in OpenAI's shape: newest first, by id, ``after`` the last one seen."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.db import models
from rest_framework.request import Request

from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import parse_id

ModelType = TypeVar("ModelType", bound=models.Model)
DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


def page(
    rows: models.QuerySet[ModelType],
    request: Request,
    *,
    prefix: str,
    render: Callable[[ModelType], dict[str, Any]],
) -> dict[str, Any]:
    """Return one page: ``{"object": "list", "data", "first_id", "last_id", "has_more"}``."""
    limit = limit_read(request)
    after = request.query_params.get("after")
    if after:
        rows = rows.filter(pk__lt=parse_id(prefix, after))
    found = list(rows.order_by("-pk")[: limit + 1])
    data = [render(row) for row in found[:limit]]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0].get("id") if data else None,
        "last_id": data[-1].get("id") if data else None,
        "has_more": len(found) > limit,
    }


def whole_list(data: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a list that is short by its nature, all of it at once."""
    return {"object": "list", "data": data, "has_more": False}


def limit_read(request: Request, most: int = MAX_LIMIT, usual: int = DEFAULT_LIMIT) -> int:
    """Return how many objects a list may have. Raises InvalidRequest."""
    return integer_read(request, "limit", 1, most, usual)


def integer_read(request: Request, name: str, least: int, most: int, usual: int) -> int:
    """Return a whole number of the query. Raises InvalidRequest."""
    text = request.query_params.get(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or len(text) > 15 or not least <= int(text) <= most:
        raise InvalidRequest(f"{name} must be a whole number from {least} to {most}.", param=name)
    return int(text)
