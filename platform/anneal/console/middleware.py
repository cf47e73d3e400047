"""The content security policy of every answer, and the 503 when a part is away."""

import logging
from typing import Final

from csp.constants import NONE, SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from psycopg_pool import PoolTimeout
from redis.exceptions import RedisError

from anneal.console.shell import error_answer
from anneal.kernel.errors import InvalidRequest, Unavailable

logger = logging.getLogger(__name__)

ADMIN_PREFIX: Final = "/admin/"
# The console's theme evaluates expressions (Alpine) and writes inline scripts and styles. Its
# pages are staff's alone, and the policy goes by path, so it cannot reach a customer's page.
ADMIN_POLICY: Final = {
    "default-src": [NONE],
    "script-src": [SELF, "'unsafe-inline'", "'unsafe-eval'"],
    "style-src": [SELF, "'unsafe-inline'"],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}


class SecurityHeadersMiddleware(CSPMiddleware):  # type: ignore[misc] # django-csp ships no types
    """Adds the policy of the settings, or the console's below its own path."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Choose the policy by the path asked for."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path_info.startswith(ADMIN_PREFIX):
            return PolicyParts(config=ADMIN_POLICY)
        return parts

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 when a part is away, for views outside the REST framework.

        Sign-in counts its attempts in Redis and so fails closed while Redis is away. What Postgres
        cannot even compare (a NUL in the session's cookie) is the caller's fault: 400.
        """
        if isinstance(exception, DataError):
            return error_answer(InvalidRequest("The request holds what no text can hold."))
        if isinstance(exception, RedisError | OperationalError | InterfaceError | PoolTimeout):
            logger.warning("request.unavailable", extra={"reason": str(exception)})
            return error_answer(Unavailable(retry_after=2))
        return None
