"""What may reach allauth below `/_allauth/`: small JSON objects, on addresses that are in use.

allauth reads bodies with the standard library alone; what that cannot bear (deep nesting, half
characters, endless numbers, forms) would become a fault page there.
"""

import re
from collections.abc import Callable
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, UnreadablePostError

from anneal.console.shell import error_answer
from anneal.kernel.errors import (
    DomainError,
    InvalidRequest,
    NotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from anneal.kernel.parsing import parse_json_object

PREFIX: Final = "/_allauth/"
MAX_BODY: Final = 64 * 1024
_UNUSED: Final = re.compile(r"/phone(?:/|$)")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

Handler = Callable[[HttpRequest], HttpResponseBase]


def account_door(get_response: Handler) -> Handler:
    """Middleware that answers hostile bodies itself. It reads the body before anybody parses it."""

    def guarded(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(PREFIX):
            fault = _fault(request)
            if fault is not None:
                return error_answer(fault)
        return get_response(request)

    return guarded


def _fault(request: HttpRequest) -> DomainError | None:
    if _UNUSED.search(request.path_info):
        # No account here has a telephone number, and allauth's view of it needs one.
        return NotFound(f"No such address: {request.path_info[:200]}")
    if request.method in _SAFE:
        return None
    try:
        body = request.body
    except RequestDataTooBig:
        return PayloadTooLarge()
    except UnreadablePostError:
        return InvalidRequest("The body ended early.")
    if not body:
        return None
    if request.content_type != "application/json":
        return UnsupportedMediaType("Send application/json.")
    if len(body) > MAX_BODY:
        return PayloadTooLarge(f"The body is over {MAX_BODY:,} bytes.")
    try:
        parse_json_object(body)
    except DomainError as error:
        return error
    return None
