"""Answers for what fails before or outside a view."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from anneal.kernel.errors import InternalError, InvalidRequest, PermissionDenied


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a cookie-borne write without the right token (Django's CSRF_FAILURE_VIEW)."""
    error = PermissionDenied(
        f"The CSRF token is missing or wrong ({reason or 'no reason given'}): reload the page."
    )
    return JsonResponse(error.body(), status=error.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django refuses before any view: a wrong host, too many fields (handler400)."""
    error = InvalidRequest("The request could not be read.")
    return JsonResponse(error.body(), status=error.status)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a fault of ours outside the REST framework (Django's handler500)."""
    error = InternalError()
    return JsonResponse(error.body(), status=error.status)
