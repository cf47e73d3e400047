"""Counts what Django answers, by the route's pattern: an id in a path makes no series."""

import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase

from anneal.kernel.metrics import Counter, Histogram

HTTP_REQUESTS: Final = Counter(
    "anneal_http_requests_total",
    "Requests beside the online calls, by route and status.",
    ("method", "route", "status"),
)
HTTP_SECONDS: Final = Histogram(
    "anneal_http_request_seconds",
    "Time until the answer begins.",
    ("area",),
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AREAS: Final = ("v1", "_allauth", "admin", "metrics", "readyz")

Handler = Callable[[HttpRequest], HttpResponseBase]


def count_requests(get_response: Handler) -> Handler:
    """Middleware that counts. A histogram for each route would be thousands of series."""

    def counted(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = get_response(request)
        match = request.resolver_match
        route = match.route if match is not None else "none"
        method = request.method if request.method in _METHODS else "other"
        HTTP_REQUESTS.add(1, str(method), route, str(response.status_code))
        HTTP_SECONDS.observe(time.perf_counter() - began, _area(request.path_info))
        return response

    return counted


def _area(path: str) -> str:
    first = path[1:].partition("/")[0]
    return first if first in _AREAS else "page"
