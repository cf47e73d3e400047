"""From an exception to an answer: the only place where views' exceptions are caught."""

import logging
import math
from typing import Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.response import Response

from anneal.kernel import errors
from anneal.kernel.request_ids import current

logger = logging.getLogger(__name__)

_BY_STATUS: dict[int, type[errors.DomainError]] = {
    400: errors.InvalidRequest,
    401: errors.AuthenticationFailed,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMediaType,
    429: errors.RateLimited,
}


def translate(error: BaseException) -> errors.DomainError:
    """Return the domain error an exception stands for; InternalError for a fault of ours."""
    if isinstance(error, errors.DomainError):
        return error
    if isinstance(error, exceptions.ValidationError):
        return _validation(error.detail)
    if isinstance(error, exceptions.APIException):
        known = _BY_STATUS.get(error.status_code, errors.InvalidRequest)
        return known(str(error.detail) if error.status_code in (400, 405, 415) else None)
    if isinstance(error, Http404):
        return errors.NotFound()
    if isinstance(error, DjangoPermissionDenied):
        return errors.PermissionDenied()
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return errors.PayloadTooLarge()
    if isinstance(error, BadRequest | SuspiciousOperation | UnreadablePostError):
        return errors.InvalidRequest("The request could not be read.")
    return _infrastructure(error)


def _infrastructure(error: BaseException) -> errors.DomainError:
    """Return the domain error for what Postgres or Redis said."""
    if isinstance(error, DataError):
        return errors.InvalidRequest("A value cannot be stored: it holds NUL or is out of range.")
    if isinstance(error, IntegrityError):
        # Two calls met between a check and its write; the constraint let one through.
        logger.warning("database.conflict", exc_info=error)
        return errors.Conflict("The same thing was changed at the same moment: try again.")
    if isinstance(error, PoolTimeout | OperationalError | InterfaceError | RedisError):
        logger.warning("part.unavailable", exc_info=error)
        return errors.Unavailable(retry_after=2)
    return errors.InternalError()


def _validation(detail: Any, path: str = "") -> errors.DomainError:
    """Return the first fault of a serializer's report, with its field as ``param``."""
    if isinstance(detail, dict) and detail:
        name, inner = next(iter(detail.items()))
        if name == "non_field_errors":
            return _validation(inner, path)
        return _validation(inner, f"{path}.{name}" if path else str(name))
    if isinstance(detail, list) and detail:
        return _validation(next((item for item in detail if item), detail[0]), path)
    return errors.InvalidRequest(f"{path}: {detail}" if path else str(detail), param=path or None)


def handle(error: Exception, context: dict[str, Any]) -> Response:
    """Render any exception as an answer (DRF's EXCEPTION_HANDLER)."""
    known = translate(error)
    if isinstance(known, errors.InternalError):
        logger.error("request.failed: %s", current.get(), exc_info=error)
    headers = {}
    if known.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(known.retry_after))
    if known.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(known.body(), status=known.status, headers=headers)
