"""Lists in OpenAI's shape: newest first, by id, ``after`` the last one seen."""

import re
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
    limit = _limit(request.query_params.get("limit"))
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


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidRequest(f"limit must be a whole number from 1 to {MAX_LIMIT}.", param="limit")
    return int(text)
